"""What a classification answers: arrays of one's own, independent of session and model."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ._lib import dp_prediction, dp_result, dp_window, text, whole
from .errors import NoHeadError


@dataclass(frozen=True)
class Timings:
    """Wall-clock milliseconds of the stations of a clip; 0 in a build without a clock."""

    total_ms: float
    frames_ms: float
    """Sampling, colour, resize, crop, normalise, framesets."""
    patches_ms: float
    """Patch embedding and position encoding."""
    blocks_ms: float
    """Transformer blocks with their adapters."""
    head_ms: float
    """Final norm, projection, classifier."""


@dataclass(frozen=True)
class Prediction:
    """One class: its number, name ("" where the model names none), probability and logit."""

    index: int
    label: str
    probability: float
    logit: float

    @classmethod
    def _from_c(cls, c: dp_prediction) -> Prediction:
        return cls(c.index, text(c.label), c.probability, c.logit)


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model says of some frames. C classes, O the model's feature size; all arrays are
    float32.

    The arrays are copies, because the library's own live only until its next call.
    """

    logits: npt.NDArray[np.float32] | None
    """``[C]``, the mean over all views and crops; None when the model has no head."""
    probabilities: npt.NDArray[np.float32] | None
    """``[C]``, softmax of the logits; None when the model has no head."""
    feature_temporal: npt.NDArray[np.float32] | None
    """``[O]``, the feature y_t of the temporal path; None when the model has one path."""
    feature_spatial: npt.NDArray[np.float32]
    """``[O]``, the feature y_s of the spatial path, or of the one path."""
    timings: Timings
    macs: int
    """Multiply-adds executed for this answer."""
    labels: tuple[str, ...] = field(repr=False)
    """The model's labels, ``C`` of them."""

    def top(self, k: int = 5) -> list[Prediction]:
        """The ``k`` likeliest classes (all, when there are fewer), likeliest first."""
        if self.logits is None or self.probabilities is None:
            raise NoHeadError(10, "this model has no classes: it answers features only")
        if whole("k", k) < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        order = np.argsort(-self.logits, kind="stable")[:k]
        return [
            Prediction(int(i), self.labels[i], float(self.probabilities[i]), float(self.logits[i]))
            for i in order
        ]


@dataclass(frozen=True, eq=False)
class Result(Answer):
    """The answer for one clip."""

    frame_indices: npt.NDArray[np.int64] = field(repr=False)
    """``[V, T]``: which frames of the clip each view took."""
    frame_times: npt.NDArray[np.float64] | None = field(repr=False)
    """``[V, T]``: when they are shown, in seconds after the first frame of a video file; None for a
    clip that has no times."""

    @classmethod
    def _from_c(
        cls,
        c: dp_result,
        labels: tuple[str, ...],
        frame_indices: npt.NDArray[np.int64],
        times: npt.NDArray[np.float64] | None = None,
    ) -> Result:
        """``times``: when each frame of the clip is shown."""
        frame_times = None if times is None else times[frame_indices]
        return cls(**_answer(c, labels), frame_indices=frame_indices, frame_times=frame_times)


@dataclass(frozen=True, eq=False)
class Window(Answer):
    """The answer for T sampled frames of a stream: that of a clip of these frames, bit for bit.

    ``timings`` and ``macs`` are what was spent since the window before, without what was reused.
    """

    number: int
    """How many windows there were before this one."""
    frames: npt.NDArray[np.int64] = field(repr=False)
    """``[T]``: which of the frames that were pushed it has, counted from 0."""
    times: npt.NDArray[np.float64] = field(repr=False)
    """``[T]``: their times in seconds; of one that stands for missing ones, in between."""
    dropped: int
    """Sampled frames that the stream lost so far, because they came too fast."""

    @property
    def start(self) -> float:
        """The time of the first frame, in seconds."""
        return float(self.times[0])

    @property
    def end(self) -> float:
        """The time of the last frame, in seconds."""
        return float(self.times[-1])

    @classmethod
    def _from_c(cls, c: dp_window, labels: tuple[str, ...]) -> Window:
        return cls(
            **_answer(c, labels),
            number=c.number,
            frames=_copy(c.frames, c.frame_count),
            times=_copy(c.times_us, c.frame_count) / 1e6,
            dropped=c.dropped,
        )


def _answer(c: dp_result | dp_window, labels: tuple[str, ...]) -> dict[str, Any]:
    """The fields of an Answer."""
    return {
        "logits": _copy(c.logits, c.classes),
        "probabilities": _copy(c.probabilities, c.classes),
        "feature_temporal": _copy(c.feature_temporal, c.feature_size),
        "feature_spatial": _copy(c.feature_spatial, c.feature_size),
        "timings": Timings(*(getattr(c.timings, station.name) for station in fields(Timings))),
        "macs": c.macs,
        "labels": labels,
    }


def _copy(pointer: Any, count: int) -> Any:
    return np.ctypeslib.as_array(pointer, (count,)).copy() if pointer else None
