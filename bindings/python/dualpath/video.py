"""Video files through PyAV, which is imported when the first one is read.

Frames are RGB24 as FFmpeg converts them, in the order they are shown. A rotation that the file
only notes is not applied.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

RgbFrame = npt.NDArray[np.uint8]


def read_video(path: str | os.PathLike[str], *, max_frames: int | None = None) -> list[RgbFrame]:
    """All frames of a video file (or its first ``max_frames``) as RGB arrays ``[H, W, 3]``."""
    if max_frames is not None and max_frames < 1:
        raise ValueError(f"max_frames must be at least 1, not {max_frames}")
    return list(islice(iterate_video(path), max_frames))


def iterate_video(path: str | os.PathLike[str], rate: int = 1) -> Iterator[RgbFrame]:
    """The frames of a video file one by one, every ``rate``-th."""
    if rate < 1:
        raise ValueError(f"rate must be at least 1, not {rate}")
    count = 0
    with _video_stream(path) as (container, stream):
        for count, frame in enumerate(container.decode(stream), 1):
            if (count - 1) % rate == 0:
                yield _rgb(frame)
    if count == 0:
        raise ValueError(f"{os.fspath(path)} holds no frame that can be decoded")


def chosen_frames(count: int, view_frames: int, sampling: str, rate: int, views: int) -> set[int]:
    """The frames of a clip of ``count`` that the library reads; the formulas of dp_sampling.

    ``view_frames`` is the model's T, the frames of a view.
    """
    if sampling == "given":
        return set(range(min(count, view_frames)))
    if sampling == "uniform":
        parts = 2 * view_frames * views
        return {(2 * part + 1) * count // parts for part in range(view_frames * views)}
    kept = (count - 1) // rate + 1
    spare = max(kept - view_frames, 0)
    if sampling == "first":
        starts = [view * spare // views for view in range(views)]
    else:
        starts = [(2 * view + 1) * spare // (2 * views) for view in range(views)]
    return {min(start + i, kept - 1) * rate for start in starts for i in range(view_frames)}


def read_chosen(
    path: str | os.PathLike[str], choose: Callable[[int], Collection[int]]
) -> list[RgbFrame]:
    """All frames of a video file, of which only those in ``choose(count)`` are real.

    ``count`` is the number of frames in the file. The others stand in the list as the real frame
    before them (or the first), so that the library's sampling works on the true count while only
    the chosen ones take time and memory. The packets of a file tell the count without decoding;
    where they are wrong the file is decoded again with the true one.
    """
    expected = _count_packets(path)
    chosen, count = _decode_chosen(path, choose(expected) if expected else ())
    if count != expected and count:
        chosen, count = _decode_chosen(path, choose(count))
    if not chosen:
        raise ValueError(f"{os.fspath(path)} holds no frame that can be decoded")
    frames, current = [], chosen[min(chosen)]
    for index in range(count):
        current = chosen.get(index, current)
        frames.append(current)
    return frames


def _decode_chosen(
    path: str | os.PathLike[str], chosen: Collection[int]
) -> tuple[dict[int, RgbFrame], int]:
    frames, count = {}, 0
    with _video_stream(path) as (container, stream):
        for frame in container.decode(stream):
            if count in chosen:
                frames[count] = _rgb(frame)
            count += 1
    return frames, count


def _count_packets(path: str | os.PathLike[str]) -> int:
    with _video_stream(path) as (container, stream):
        return sum(1 for packet in container.demux(stream) if packet.size)


@contextlib.contextmanager
def _video_stream(path: str | os.PathLike[str]) -> Iterator[tuple[Any, Any]]:
    av = _av()
    try:
        with av.open(os.fspath(path), metadata_errors="replace") as container:
            if not container.streams.video:
                raise ValueError(f"{os.fspath(path)} holds no video stream")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
    except OSError:
        raise  # of opening, and names the file
    except av.FFmpegError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def _rgb(frame: Any) -> RgbFrame:
    pixels: RgbFrame = frame.to_ndarray(format="rgb24")
    return pixels


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError(
            "reading video files needs PyAV: pip install 'dualpath[video]'"
        ) from error
    return av
