"""The sampling rules of published evaluations, against plain transcriptions of them."""

from __future__ import annotations

import ctypes
import random

import pytest

from dualpath import video
from dualpath._lib import default, dp_clip, library, number_of

RULES = ("center", "first", "interval", "spread", "segments")


# ---- the rules as they are published ----


def dualpath_starts(n, T, r, V, first):
    """In frames that are left of every r-th."""
    spare = max(-(-n // r) - T, 0)
    return [int(k * spare / V) if first else int((2 * k + 1) * spare / (2 * V)) for k in range(V)]


def aim(n, T, r, V):
    """Starts in the middles of V intervals; none for clips that are too short."""
    interval = (n - T * r + 1) / float(V)
    if n <= T * r - 1:
        return [0] * V
    return [int(k * interval + interval / 2.0) for k in range(V)]


def st_adapter(n, T, r, V):
    """The clip is padded to the span of a view, then starts slide from its begin to its end."""
    span = (T - 1) * r + 1
    slide = max(n, span) - span
    return [slide // 2] if V == 1 else [round(slide / (V - 1) * k) for k in range(V)]


def uniform(n, T):
    s = (n - 1) / T
    return [(round(s * i) + round(s * (i + 1))) // 2 for i in range(T)]


def expected(rule, n, T, r, V, past_end):
    if rule == "segments":
        return [uniform(n, T)]
    if rule in ("center", "first"):
        starts = [start * r for start in dualpath_starts(n, T, r, V, rule == "first")]
        last = (n - 1) // r * r
    else:
        starts, last = (aim if rule == "interval" else st_adapter)(n, T, r, V), n - 1
    views = [[start + i * r for i in range(T)] for start in starts]
    if past_end == "wrap":
        return [[j % n for j in view] for view in views]
    return [[min(j, last) for j in view] for view in views]


def cases(count):
    """Clips of all lengths; every third one is about as long as a view."""
    generator = random.Random(21)
    for i in range(count):
        T, r, V = generator.randint(1, 64), generator.randint(1, 40), generator.randint(1, 20)
        n = generator.randint(1, 3000)
        if i % 3 == 0:
            n = max(T * r + generator.randint(-3, 3), 1)
        yield n, T, r, V


# ---- the library and its mirror ----


@pytest.mark.parametrize("past_end", ["repeat", "wrap"])
@pytest.mark.parametrize("rule", RULES)
def test_python_follows_the_rule(rule, past_end):
    for n, T, r, V in cases(4000):
        V = 1 if rule == "segments" else V
        found = video.sampled_frames(n, T, rule, r, V, past_end)
        assert found.tolist() == expected(rule, n, T, r, V, past_end), (n, T, r, V)


@pytest.fixture(scope="module")
def models(released, tmp_path_factory):
    """The model of a small file that says what is past the end, for several T."""
    pytest.importorskip("gguf", reason="the converter needs the gguf package")
    import dualpath
    from dualpath import convert

    folder, opened = tmp_path_factory.mktemp("models"), {}
    for past_end in ("repeat", "wrap"):
        for frames in (16, 32, 64):
            path = folder / f"{past_end}-{frames}.gguf"
            words = [released.model.replace(".gguf", ".pth"), "-o", path, "--heads", "2",
                     "--num-frames", frames, "--past-end", past_end]
            assert convert.main([str(word) for word in words]) == 0
            opened[past_end, frames] = dualpath.Model(path)
            assert opened[past_end, frames].info.past_end == past_end
    yield opened
    for model in opened.values():
        model.close()


@pytest.mark.parametrize("past_end", ["repeat", "wrap"])
@pytest.mark.parametrize("rule", RULES)
def test_the_library_follows_the_rule(models, rule, past_end):
    for number, (n, _, r, V) in enumerate(cases(1500)):
        T = (16, 32, 64)[number % 3]
        n = max(T * r + n % 7 - 3, 1) if number % 5 == 0 else n
        V = 1 if rule == "segments" else V
        clip, indices = default(dp_clip), (ctypes.c_size_t * T)()
        clip.frame_count, clip.rate, clip.views = n, r, V
        clip.sampling = number_of("sampling", rule)
        pointer = models[past_end, T]._opened().pointer
        for view, frames in enumerate(expected(rule, n, T, r, V, past_end)):
            assert library().dp_model_sample_view(pointer, clip, view, T, indices) == 0
            assert list(indices) == frames, (n, T, r, V, view)
