"""A linear probe: how well a linear classifier does on what a frozen model says about clips.

    python -m dualpath.train.probe MODEL.gguf LIST.csv
    python -m dualpath.train.probe MODEL.gguf LIST.csv --test-list OTHER.csv

The features [y_t ; y_s] are the library's; of the split train several views may be taken, of the
split test one. The classifier is a logistic regression on normalised features; how strongly it is
kept small is chosen on the training clips, by leaving out fifths of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .._refused import ending_in_a_sentence
from ..evaluate import classify_file
from ..model import Model
from ..session import Session
from .clips import read_clips

DECAYS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
PARTS = 5  # of the training clips, each left out once


def features(model: str, source: str, split: str, views: int) -> tuple[Tensor, Tensor]:
    """``[n][2 * O]`` and labels ``[n]`` of the clips of a split."""
    rows, labels, clips = [], [], read_clips(source, split)
    if any(label < 0 for _, label in clips):
        raise ValueError(f"{source}: the labels of a probe are numbers")
    with Model(model) as opened, Session(opened) as session:
        for path, label in clips:
            result = classify_file(session, path, views)
            paths = [result.feature_temporal, result.feature_spatial]
            rows.append(np.concatenate([path for path in paths if path is not None]))
            labels.append(label)
    return torch.from_numpy(np.stack(rows)), torch.tensor(labels)


def fit(x: Tensor, y: Tensor, classes: int, decay: float) -> Tensor:
    """Weights ``[2 * O + 1][classes]`` of a logistic regression."""
    w = torch.zeros(x.shape[1] + 1, classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([w], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(_extended(x) @ w, y) + decay * w[:-1].pow(2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return w.detach()


def _extended(x: Tensor) -> Tensor:
    return torch.cat([x, x.new_ones(len(x), 1)], dim=1)


def _right(x: Tensor, y: Tensor, w: Tensor) -> int:
    return int(((_extended(x) @ w).argmax(1) == y).sum())


def choose_decay(x: Tensor, y: Tensor, classes: int) -> float:
    """The decay that does best on clips that were left out."""
    parts = _parts(y)
    scores = dict.fromkeys(DECAYS, 0)
    for part in range(PARTS):
        out = parts == part
        if out.all():  # no clip is left to learn from
            continue
        for decay in DECAYS:
            scores[decay] += _right(x[out], y[out], fit(x[~out], y[~out], classes, decay))
    return max(scores, key=lambda decay: scores[decay])


def _parts(y: Tensor) -> Tensor:
    """Which part each clip is of: each class in equal parts, neighbours in the list together, since
    they are often of one scene."""
    same = y[:, None] == y
    rank, count = same.tril(-1).sum(1), same.sum(1)
    return rank * PARTS // count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m dualpath.train.probe", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("model")
    add("list")
    add("--views", type=int, default=1, help="of the training clips (1)")
    add("--test-list", metavar="OTHER.csv", help="where the split test is (LIST.csv)")
    options = parser.parse_args(arguments)
    with ending_in_a_sentence(parser.prog):
        print(_probe(options.model, options.list, options.test_list or options.list, options.views))


def _probe(model: str, train: str, test: str, views: int) -> str:
    x, y = features(model, train, "train", views)
    test_x, test_y = features(model, test, "test", 1)
    mean, std = x.mean(0), x.std(0).clamp(min=1e-6)
    x, test_x = (x - mean) / std, (test_x - mean) / std
    classes = int(y.max()) + 1
    right = _right(test_x, test_y, fit(x, y, classes, choose_decay(x, y, classes)))
    return f"linear probe: {right} of {len(test_y)} clips, {right / len(test_y):.1%}"


if __name__ == "__main__":
    main()
