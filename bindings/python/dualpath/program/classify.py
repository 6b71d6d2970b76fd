"""``classify``: what happens in a clip."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from .._clips import MAX_RATE
from .._protocol import MAX_CROPS, MAX_VIEWS
from .._times import microseconds
from ..result import Prediction, Result
from ..video import Choose, Stamps, Video, choose_frames, stand_in, take_shots
from . import arguments as options
from .arguments import INPUT
from .engine import ENGINE_OPTIONS, Engine, about, started
from .failure import Failure, usage
from .inputs import FRAME_OPTIONS, FrameOptions, Input, open_input
from .text import as_json, emit, name_of_class, number, shown

HELP = """\
Usage: python -m dualpath classify MODEL INPUT [OPTION]...

INPUT is a video file, which PyAV decodes (pip install 'dualpath[video]'); a directory of PNG
frames, the same; or without that: a .y4m file, a NumPy .npy array of bytes
[frames][height][width][3], raw frames with --size, or - for Y4M, NumPy or raw frames on standard
input.

  --backbone B       MODEL is a task of this model
  --sampling WHICH   the frames a view takes: as the model says (model, default), center,
                     first, uniform, interval, spread, segments, or given, which takes the
                     frames as they are and needs exactly as many as the model
  --rate N           take every N-th frame (default: the model's)
  --sample-fps F     sample by time instead: F frames a second, up to 1000
  --views N          views in time, 1 to 256; their answers are averaged (default: the model's)
  --crops N          square crops along the longer side, 1 to 64; averaged (default: the model's)
  --top K            how many classes to print (default 5)
  --features         print both features as well
  --json             print one JSON object on one line, also which frames were used, when
                     they are shown, and what was guessed of the input
  --size WxH         INPUT is raw frames of this size
  --format F         of raw frames: rgb24 (default), bgr24, rgba, bgra, gray8, nv12, i420
  --color C          of Y4M, nv12, i420 and video files: bt601-limited, bt601-full,
                     bt709-limited, bt709-full, bt2020-limited, bt2020-full (default: what
                     the file says, else BT.709 from 1280 columns or 577 rows on, else BT.601,
                     of limited range)
  --rotate DEGREES   turn the frames clockwise to be upright: 0, 90, 180, 270 (default: what
                     the file says, else 0)
  --mirror           mirror them left to right before (without --rotate, and without what the
                     file says)
  --aspect W:H       shape of a stored pixel, width to height (default: what the file says,
                     else 1:1)
  --max-memory N     take no more than N bytes for model, session and frames together; K, M, G, T
                     may follow (default: 8G for frames, the rest by what it needs)
  --threads N        threads to compute with, 1 to 256 (default: as many as can run)
  --cpu SET          highest instruction set to use: auto (default), amx, avx512-vnni,
                     avx512, avx2-vnni, avx2; neon-i8mm, neon-dot, neon; c
  --precision P      numbers to multiply in: f32 (default; a compiled file has its own), bf16,
                     int8, auto
  --image-by-image   hold one image of a clip in memory at a time: slower, the same answer
  --unfused          compute the formulas one by one, slower; for tests
  --verify           check the model's checksums before using it
  --quiet            as in the program in C; there is no progress bar here
  -h, --help         this text

--sheet and --attention are options of the program in C. Exit status: 0 success; 1 a model, a file
or frames cannot be used; 2 wrong command line; 130 interrupted.
"""

SAMPLING_OPTIONS = {
    "--sampling": options.named("sampling", 0, "model"),
    "--rate": options.whole(1, MAX_RATE),
    "--sample-fps": options.real(1000),
    "--views": options.whole(1, MAX_VIEWS),
    "--crops": options.whole(1, MAX_CROPS),
    "--top": options.whole(1, 1000000)._replace(default=5),
}
_OPTIONS = {
    **ENGINE_OPTIONS,
    **SAMPLING_OPTIONS,
    "--features": options.flag(),
    "--json": options.flag(),
    **FRAME_OPTIONS,
}


def check_sampling_rule(values: dict[str, Any]) -> None:
    if values["rate"] and values["sample_fps"]:
        raise usage("--rate", "samples by number, and --sample-fps by time: one of them")


def run(arguments: list[str]) -> None:
    values, (model_path, input_path) = options.parse(arguments, _OPTIONS, ["MODEL", INPUT])
    check_sampling_rule(values)
    with started(model_path, values) as engine:
        # The model comes first: a wrong one should not wait for all of a pipe.
        film = open_input(input_path, FrameOptions.of(values), engine.room(values["max_memory"]))
        clip = _Clip(engine, film, values)
        result = clip.classify()
        if values["json"]:
            report = _report(clip, result)
            emit(as_json({"model": model_path, "input": input_path, **report}) + "\n")
        else:
            emit("".join(_lines(result, values)))


class _Clip:
    """Reads a film for a session, which says what it needs of it."""

    def __init__(self, engine: Engine, film: Input, values: dict[str, Any]) -> None:
        self.engine, self.film, self.values = engine, film, values
        self.read_ms = 0.0
        self.video: Video | None = None

    def classify(self) -> Result:
        how = (self.values[name] for name in ("sampling", "rate", "views", "crops", "sample_fps"))
        with about(self.film.path):
            return self.engine.session._classify_chosen(self._read, *how)

    def _read(self, choose: Choose) -> Video:
        start = time.monotonic()
        self.video = self._film_of(choose)
        self.read_ms = 1000 * (time.monotonic() - start)
        self._check_given(self.video.stamps)
        return self.video

    def _film_of(self, choose: Choose) -> Video:
        """Of a film that cannot be read twice, all frames stay that may be chosen."""
        shots = self.film.kept_shots
        if self.film.can_rewind:
            return choose_frames(self.film.expected(), shots, self._with_times(choose))
        frames, seconds = take_shots(shots(), self._may_be_chosen())
        return Video(stand_in(frames, len(seconds)), Stamps(seconds, None))

    def _with_times(self, choose: Choose) -> Choose:
        def choose_of(stamps: Stamps) -> Any:
            self._check_times(stamps)
            return choose(stamps)

        return choose_of

    def _check_times(self, stamps: Stamps) -> None:
        if self.values["sample_fps"] and stamps.rate is None and None in stamps.seconds:
            raise self._no_times()

    def _no_times(self) -> Failure:
        return Failure(self.film.path,
                       "does not say when its frames are shown, which --sample-fps needs")

    def _may_be_chosen(self) -> Callable[[int, float | None], bool]:
        """Whether a frame of a film of unknown length may be one of a view."""
        info, fps = self.engine.model.info, self.values["sample_fps"]
        rule = self.values["sampling"]
        rule = info.sampling if rule == "model" else rule
        if fps:
            return _Sampler(fps, self._no_times).takes
        if rule == "given":
            return lambda number, _: number < info.frames
        every = self.values["rate"] or info.sampling_rate
        if rule not in ("center", "first") or info.past_end == "wrap":
            every = 1
        return lambda number, _: number % every == 0

    def _check_given(self, stamps: Stamps) -> None:
        fps = self.values["sample_fps"]
        there = len(stamps.by_time(fps)) if fps else len(stamps.seconds)
        wanted = self.engine.model.info.frames
        if self.values["sampling"] == "given" and there != wanted:
            at_rate = " at that rate" if fps else ""
            raise Failure(self.film.path, f"holds {there} frames{at_rate}; --sampling given takes "
                          f"exactly the model's {wanted}")


class _Sampler:
    """Which frames are sampled by time, as they come; the arithmetic of frames_by_time()."""

    def __init__(self, fps: float, no_times: Callable[[], Failure]) -> None:
        self._fps, self._no_times = fps, no_times
        self._first = self._before = 0
        self._taken = -1.0

    def takes(self, number: int, seconds: float | None) -> bool:
        if seconds is None:
            raise self._no_times()
        now = microseconds("time", seconds)
        if number == 0:
            self._first = self._before = now
        now = max(now, self._before)
        tolerance = 0.5 * min(float(now - self._before), 1e6 / self._fps)
        sample = (float(now - self._first) + tolerance) * self._fps / 1e6 // 1
        self._before = now
        is_sampled = sample > self._taken
        self._taken = max(self._taken, sample)
        return is_sampled


# ---- the answer ----


def _report(clip: _Clip, result: Result) -> dict[str, Any]:
    video = clip.video
    assert video is not None
    timings = {"open_ms": clip.engine.start_ms, "read_ms": clip.read_ms, **asdict(result.timings)}
    has_features = clip.values["features"] or not result.labels
    features = {name: getattr(result, name) for name in ("feature_temporal", "feature_spatial")}
    return {
        "frames": len(video.stamps.seconds),
        "frame_indices": result.frame_indices,
        "frame_times": _times(result, video.stamps),
        "source": _source(clip.film, video),
        "top": [asdict(one) for one in _top(result, clip.values["top"])],
        "labels": result.labels,
        "probabilities": result.probabilities,
        "logits": result.logits,
        **(features if has_features else {}),
        "timings": timings,
        "macs": result.macs,
    }


def _times(result: Result, stamps: Stamps) -> list[list[float | None]] | None:
    seconds = stamps.seconds
    if seconds[0] is None:
        return None
    return [[seconds[number] for number in view] for view in result.frame_indices.tolist()]


def _source(film: Input, video: Video) -> dict[str, Any]:
    first, facts = video.frames[0], film.facts
    return {
        "format": first.format,
        "color": facts.color,
        "color_guessed": facts.color_guessed,
        "rotation": first.rotation,
        "mirrored": first.mirrored,
        "aspect": facts.aspect,
        "interlaced": facts.interlaced,
        "cut_off": facts.cut_off,
    }


def _top(result: Result, wanted: int) -> list[Prediction]:
    """None of a model without classes."""
    return result.top(wanted) if result.labels else []


def _lines(result: Result, values: dict[str, Any]) -> list[str]:
    top = _top(result, values["top"])
    lines = bar_lines(top, sys.stdout.isatty())
    if values["features"] or not top:
        lines += [f"{name} {' '.join(map(number, getattr(result, name).tolist()))}\n"
                  for name in ("feature_temporal", "feature_spatial")
                  if getattr(result, name) is not None]
    return lines


def bar_lines(top: Sequence[Prediction], bars: bool) -> list[str]:
    width = max((len(name_of_class(one)) for one in top), default=0)
    lines = []
    for one in top:
        percent = 100 * one.probability
        bar = "#" * int(percent * 0.4 + 0.5) if bars else ""
        line = f"{shown(name_of_class(one)):{width}}  {percent:6.2f} %  {bar}"
        lines.append(f"{line.rstrip()}\n")
    return lines
