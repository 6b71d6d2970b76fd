"""The hyper-parameters that all methods but DualPath have in common: every frame of a clip is an image of
one path, and the weight file states how clips are evaluated.
"""

from __future__ import annotations

import re
from argparse import Namespace

from ._hyper import Hyper
from ._methods import ONE_PATH
from ._names import Mapped, matrix_shape
from ._protocol import option_of
from ._refused import Refused
from ._stated import Value

_MAX_IMAGES = 256
_OF_TWO_PATHS = {"grid": "--grid", "spatial_frames": "--spatial-frames", "position": "--position",
                 "serial_skip": "--serial-skip"}


def set_one_path(hyper: Hyper, mapped: Mapped, method: str, options: Namespace) -> None:
    """Frames and evaluation, and where adapters begin."""
    for name, option in _OF_TWO_PATHS.items():
        if getattr(options, name) is not None:
            raise Refused(f"{option} is of DualPath models; this one is of {method}")
    if method == "aim":
        _set_frames_of_tensor(hyper, mapped, options.num_frames)
    elif options.num_frames is None and "frames" not in hyper.known:
        hyper.missing.append("clip")
    else:
        hyper.choose("frames", options.num_frames)
    if method == "st-adapter":
        hyper.set("adapter.first_block", first_adapted_block(mapped), "tensors")
    _set_rate(hyper, options)
    if "frames" in hyper.values and hyper["frames"] > _MAX_IMAGES:
        raise Refused(f"{hyper['frames']} frames make more than {_MAX_IMAGES} images")
    origin = f"as published for {method}" if ONE_PATH[method].is_published else "default"
    for key, value in _published(hyper, method, options).items():
        hyper.known = {key: Value(value, origin), **hyper.known}
        hyper.choose(key, option_of(options, key))
    check_views(hyper)


def check_views(hyper: Hyper) -> None:
    """Segments divide the whole clip, of which there is one view."""
    views, sampling = (hyper.values.get(key, Value(None, "")) for key in ("views", "sampling"))
    if sampling.value == "segments" and views.value not in (1, None):
        raise Refused(f"sampling segments ({sampling.origin}) has one view, not {views.value} "
                      f"({views.origin})")


def take_data_set(hyper: Hyper, method: str, name: str | None) -> None:
    """What is known of the published model of a data set."""
    if name is None:
        return
    published = ONE_PATH[method].published if method in ONE_PATH else {}
    if name not in published:
        known = f"there are {', '.join(published)}" if published else "there is none"
        raise Refused(f"--data-set {name}: no evaluation of {method} is known there; {known}")
    hyper.known.update({key: Value(value, f"--data-set {name}")
                        for key, value in published[name].items()})


def first_adapted_block(mapped: Mapped) -> int:
    """The first block that has adapters."""
    return min(int(found[1]) for name in mapped.tensors
               if (found := re.match(r"block\.(\d+)\.adapter\.", name)))


def _set_frames_of_tensor(hyper: Hyper, mapped: Mapped, option: int | None) -> None:
    """As many as the table of their positions has rows."""
    frames = matrix_shape(mapped, "position.time")[0]
    if option not in (None, frames):
        raise Refused(f"tensor {mapped.sources['position.time']} is of {frames} frames, "
                      f"--num-frames of {option}")
    hyper.set("frames", frames, "tensors")


def _is_of_segments(hyper: Hyper, options: Namespace) -> bool:
    sampling = options.sampling or hyper.known.get("sampling", Value(None, "")).value
    return bool(sampling == "segments")


def _set_rate(hyper: Hyper, options: Namespace) -> None:
    """How far apart the frames of a view are, unless they divide the clip."""
    if not _is_of_segments(hyper, options):
        if options.sampling_rate is None and "sampling_rate" not in hyper.known:
            hyper.missing.append("sampling")
        else:
            hyper.choose("sampling_rate", options.sampling_rate)
    elif options.sampling_rate is not None:
        raise Refused("--sampling-rate says how far apart frames are, and segments divide a clip")


def _published(hyper: Hyper, method: str, options: Namespace) -> dict[str, object]:
    """The evaluation of a method. Segments have one view."""
    protocol = ONE_PATH[method].protocol
    return {**protocol, "views": 1} if _is_of_segments(hyper, options) else protocol
