"""What a classification answers: arrays of one's own, independent of session and model."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _html as html
from ._lib import dp_prediction, dp_result, dp_window, text, whole
from ._pictures import Pictures, contact_sheet
from ._refused import show
from .errors import NoHeadError

_SHOWN = 5  # classes in a notebook


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


@dataclass(frozen=True, eq=False, repr=False)
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

    def __repr__(self) -> str:
        return f"<dualpath.{type(self).__name__} {self._title()}: {self._summary()}>"

    def _title(self) -> str:
        """Of which frames it is."""
        raise NotImplementedError

    def _summary(self) -> str:
        if self.logits is None:
            return f"features of {len(self.feature_spatial)} numbers"
        best = [f"{show(one.label)!r}" if one.label else f"class {one.index}" for one in self.top(3)]
        parts = [f"{name} {one.probability:.1%}" for name, one in zip(best, self.top(3))]
        return ", ".join(parts) + (f" of {len(self.labels)} classes" if len(self.labels) > 3 else "")

    def _bars(self) -> str:
        """The likeliest classes, as HTML."""
        if self.logits is None:
            return html.note(f"No classes: features of {len(self.feature_spatial)} numbers.")
        top = self.top(_SHOWN)
        rows = [(html.label_of(one.index, one.label), html.bar(one.probability),
                 html.percent(one.probability)) for one in top]
        caption = f"The {len(top)} likeliest of {len(self.labels)} classes"
        return html.table(caption, ["class", "", "probability"], rows, "llr")

    def _costs(self) -> str:
        return f"{self.timings.total_ms:.1f} ms, {self.macs / 1e9:.2f} billion multiply-adds"

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


@dataclass(frozen=True, eq=False, repr=False)
class Result(Answer):
    """The answer for one clip."""

    frame_indices: npt.NDArray[np.int64] = field(repr=False)
    """``[V, T]``: which frames of the clip each view took."""
    frame_times: npt.NDArray[np.float64] | None = field(repr=False)
    """``[V, T]``: when they are shown, in seconds after the first frame of a video file; None for a
    clip that has no times."""
    pictures: Pictures | None = field(default=None, repr=False)
    """What the model saw, where ``classify(..., pictures=True)`` asked for it: notebooks show it."""

    def _title(self) -> str:
        views, frames = self.frame_indices.shape
        return f"{frames} frames" if views == 1 else f"{views} views of {frames} frames"

    def _repr_html_(self) -> str:
        times = None if self.frame_times is None else self.frame_times[0]
        when = "" if times is None else f", {times.min():.2f} to {times.max():.2f} s"
        numbers = ", ".join(map(str, self.frame_indices[0].tolist()))
        shown = "" if self.pictures is None else contact_sheet(self.pictures, self.frame_indices[0], times)
        view = "First view: frames" if len(self.frame_indices) > 1 else "Frames"
        return html.panel(f"What happens in {self._title()}", self._bars(), shown,
                          html.note(f"{view} {numbers}{when}. {self._costs()}."))

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


@dataclass(frozen=True, eq=False, repr=False)
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

    def _title(self) -> str:
        return f"{self.start:.2f} .. {self.end:.2f} s"

    def _repr_html_(self) -> str:
        frames = f"frames {self.frames[0]} to {self.frames[-1]}"
        lost = f", {self.dropped} frames lost so far" if self.dropped else ""
        return html.panel(f"What happens from {self.start:.2f} to {self.end:.2f} s", self._bars(),
                          html.note(f"Window {self.number}, {frames}{lost}. {self._costs()}."))

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


class Attention(NamedTuple):
    """What the class token of each image attends to: weights of float32 that sum up to 1 for each
    head. Token 0 is the class token itself, then come the patches, row by row, then prompts."""

    spatial: npt.NDArray[np.float32]
    """``[spatial_frames, heads, tokens]``; a rollout has one head."""
    temporal: npt.NDArray[np.float32]
    """``[framesets, heads, tokens]``, none with one path. Frame i of a frameset is in the cell of row ``i // grid`` and
    column ``i % grid``."""


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
