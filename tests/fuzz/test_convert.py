"""The fuzz target of the converter without atheris: inputs of the repository, and mutations of each
that are always the same.
"""

import random
from pathlib import Path

import pytest

from tests.fuzz import convert

FUZZ = Path(__file__).parent
INPUTS = sorted((*(FUZZ / "corpus/convert").iterdir(), *(FUZZ / "found/convert").iterdir()))
MUTATIONS = 12


@pytest.fixture(scope="module")
def target():
    return convert.Target()


def change_some_bytes(part, generator):
    changed = bytearray(part)
    for _ in range(min(len(part), 3)):
        changed[generator.randrange(len(changed))] = generator.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name[:16])
def test_an_input_is_converted_or_refused(target, path):
    data = path.read_bytes()
    target(data)
    for seed in range(MUTATIONS):
        generator = random.Random(seed)
        target(convert.mutate(data, generator, lambda part: change_some_bytes(part, generator)))


def test_other_exceptions_are_faults(target, monkeypatch):
    def fail(_arguments):
        raise KeyError("escaped")

    monkeypatch.setattr("dualpath.convert.main", fail)
    with pytest.raises(KeyError):
        target(b"")
    monkeypatch.setattr("dualpath.convert.main", lambda _arguments: 1)
    with pytest.raises(convert.Fault):
        target(b"")
