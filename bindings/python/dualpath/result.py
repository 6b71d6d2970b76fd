"""What a classification answers: arrays of one's own, independent of session and model."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ._lib import dp_prediction, dp_result, text, whole
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
class Result:
    """The answer for one clip. C classes, O the model's feature size; all arrays are float32.

    The arrays are copies, because the library's own live only until the session's next call.
    """

    logits: npt.NDArray[np.float32] | None
    """``[C]``, the mean over all views and crops; None when the model has no head."""
    probabilities: npt.NDArray[np.float32] | None
    """``[C]``, softmax of the logits; None when the model has no head."""
    feature_temporal: npt.NDArray[np.float32]
    """``[O]``, the feature y_t of the temporal path."""
    feature_spatial: npt.NDArray[np.float32]
    """``[O]``, the feature y_s of the spatial path."""
    timings: Timings
    macs: int
    """Multiply-adds executed for this result."""
    labels: tuple[str, ...] = field(repr=False)
    """The model's labels, ``C`` of them."""
    frame_indices: npt.NDArray[np.int64] = field(repr=False)
    """``[V, T]``: which frames of the clip each view took."""
    frame_times: npt.NDArray[np.float64] | None = field(repr=False)
    """``[V, T]``: when they are shown, in seconds after the first frame of a video file; None for a
    clip that has no times."""

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

    @classmethod
    def _from_c(
        cls,
        c: dp_result,
        labels: tuple[str, ...],
        frame_indices: npt.NDArray[np.int64],
        times: npt.NDArray[np.float64] | None = None,
    ) -> Result:
        """``times``: when each frame of the clip is shown."""
        timings = Timings(*(getattr(c.timings, station.name) for station in fields(Timings)))
        return cls(
            _copy(c.logits, c.classes),
            _copy(c.probabilities, c.classes),
            _copy(c.feature_temporal, c.feature_size),
            _copy(c.feature_spatial, c.feature_size),
            timings,
            c.macs,
            labels,
            frame_indices,
            None if times is None else times[frame_indices],
        )


def _copy(pointer: Any, count: int) -> Any:
    return np.ctypeslib.as_array(pointer, (count,)).copy() if pointer else None
