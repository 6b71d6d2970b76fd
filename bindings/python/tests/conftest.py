"""The golden cases of the project, and a model and a clip that the tests share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from asan import make_forks_safe

import dualpath

make_forks_safe()

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden"


class Golden(NamedTuple):
    name: str
    sampling: str
    rate: int | None
    views: int
    crops: int

    @property
    def model(self) -> str:
        return str(GOLDEN / f"{self.name}.gguf")

    def options(self) -> dict:
        return {name: getattr(self, name) for name in ("sampling", "rate", "views", "crops")}

    def load(self, what: str) -> np.ndarray:
        return np.load(GOLDEN / f"{self.name}.{what}.npy")

    def has(self, what: str) -> bool:
        return (GOLDEN / f"{self.name}.{what}.npy").exists()


def read_goldens() -> list[Golden]:
    table = GOLDEN / "goldens.txt"
    if not table.exists():
        return []
    rows = (line.split() for line in table.read_text().splitlines())
    return [Golden(n, s, int(r) or None, int(v), int(c)) for n, s, r, v, c in rows]


GOLDENS = read_goldens()


def pytest_generate_tests(metafunc):
    if "golden" in metafunc.fixturenames:
        missing = pytest.param(None, marks=pytest.mark.skip(reason=f"no goldens in {GOLDEN}"))
        metafunc.parametrize("golden", GOLDENS or [missing], ids=lambda g: g.name if g else "none")


@pytest.fixture(scope="session")
def released() -> Golden:
    """A case with a head, labels and 16 frames as given."""
    for golden in GOLDENS:
        if golden.name == "released":
            return golden
    pytest.skip(f"no golden case 'released' in {GOLDEN}")


@pytest.fixture(scope="session")
def model(released):
    with dualpath.Model(released.model) as opened:
        yield opened


@pytest.fixture
def session(model):
    with dualpath.Session(model, threads=1) as created:
        yield created


@pytest.fixture(scope="session")
def clip(released) -> np.ndarray:
    """uint8 [16, H, W, 3]."""
    return released.load("frames")


@pytest.fixture(scope="session")
def answer(model, clip) -> np.ndarray:
    """The logits that classify(clip, sampling="given") must answer, bit for bit."""
    with dualpath.Session(model, threads=1) as session:
        return session.classify(clip, sampling="given").logits


@pytest.fixture
def run(tmp_path, capsys):
    """Runs dualpath-convert in a folder."""
    import conversion  # which needs gguf

    return conversion.Run(tmp_path, capsys)


@pytest.fixture
def five_clips(tmp_path):
    """A folder of five clips in two classes, a backbone and a recipe to train on them."""
    import training  # which needs PyTorch

    training.write_clips(tmp_path / "clips")
    training.write_backbone(tmp_path / "backbone.pth")
    (tmp_path / "recipe.toml").write_text(training.RECIPE)
    return tmp_path
