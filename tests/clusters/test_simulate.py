"""The simulation of many machines against what can be calculated."""

from dataclasses import replace

import numpy as np
import pytest

from .simulate import Cluster, Work, calculate, simulate, slowed_by_storage, work_of

WORK = Work(np.linspace(5, 25, 21), np.linspace(50, 150, 21), 100_000.0)  # means of 15 and 100 ms
IDEAL = Cluster(clips=200_000, machines=20, processors=4, batch=16, start=0.0, slow_machines=0.0,
                hours_to_failure=1e9, speculate=False)


def test_nothing_goes_wrong():
    hours = 200_000 * 0.115 / 80 / 3600
    assert calculate(WORK, IDEAL) == pytest.approx(hours)
    outcome = simulate(WORK, IDEAL)
    assert outcome.hours == pytest.approx(hours, rel=0.02) and outcome.busy > 0.98
    assert (outcome.repeated, outcome.copies) == (0, 0)


def test_the_same_seed_has_the_same_outcome():
    real = replace(IDEAL, slow_machines=0.1, hours_to_failure=0.5, speculate=True)
    assert simulate(WORK, real) == simulate(WORK, real)
    assert simulate(WORK, real) != simulate(WORK, replace(real, seed=2))


def test_machines_that_fail_cost_their_batches():
    failing = replace(IDEAL, hours_to_failure=0.5, repair=60.0)
    outcome, ideal = simulate(WORK, failing), simulate(WORK, IDEAL)
    # 20 machines fail about once in half an hour, for 1.6 hours in all: four batches each time.
    failures = 20 * ideal.hours / 0.5
    assert 0.3 * 4 * failures < outcome.repeated < 3 * 4 * failures
    assert ideal.hours < outcome.hours < 1.5 * ideal.hours


def test_stragglers_and_those_who_help():
    slow = replace(IDEAL, clips=20_000, slow_machines=0.1, slow_factor=20.0)
    alone, helped = simulate(WORK, slow), simulate(WORK, replace(slow, speculate=True))
    assert helped.copies > 0 and helped.hours < alone.hours
    assert helped.hours >= calculate(WORK, replace(slow, slow_machines=0.0))


def test_storage_that_is_too_slow():
    few = replace(IDEAL, storage_gbytes=0.01)
    wanted = 80 / 0.115 * 100_000 / 1e7
    assert slowed_by_storage(WORK, few) == pytest.approx(wanted)
    assert simulate(WORK, few).hours == pytest.approx(wanted * simulate(WORK, IDEAL).hours, rel=0.01)


@pytest.mark.parametrize("name", ["human-action-int8", "b16-f32"])
def test_what_was_measured(name):
    work = work_of(name)
    small = Cluster(clips=50_000, machines=50, processors=4)
    outcome = simulate(work, small)
    assert calculate(work, small) < outcome.hours < 1.5 * calculate(work, small)
