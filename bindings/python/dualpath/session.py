"""A session: everything that changes while clips of one model are classified."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ._callbacks import Callbacks, LogFunction, ProgressFunction
from ._fork import make_lock
from ._lib import (
    check,
    default,
    dp_clip,
    dp_prediction,
    dp_result,
    dp_session_options,
    integer,
    library,
    name_of,
    number_of,
    text,
    with_experimental,
)
from .errors import error_for
from .frames import Frame, Frames, describe
from .model import Model
from .pool import MAX_THREADS, Pool
from .result import Prediction, Result
from .video import read_chosen, sampled_frames

MAX_RATE = 65536
MAX_VIEWS = 256
MAX_CROPS = 64

_ALIGNMENT = 64


class Session:
    """Classifies clips, one at a time, with memory and threads that are all taken at creation.

    - ``threads``: how many compute, 1 .. 256; 0: as many as this process may run at once. The
      answer does not depend on it, bit for bit.
    - ``pool``: compute with the threads of a ``Pool`` that sessions share, instead of threads of
      the session's own; ``threads`` is then 0 or the pool's.
    - ``image_by_image``: images go through the model one by one: the same answer, bit for bit, in
      much less memory; slower where weights come from far away.
    - ``arena``: put the session into a block of this many bytes, at least ``Session.size()``;
      None: the library allocates.
    - ``log(level, message)``: hears the library, with levels of the logging module.
    - ``progress(stage, fraction)``: called as a clip goes on, fraction 0 to 1; a true return value
      cancels with ``Cancelled``.

    An exception in ``log`` or ``progress`` cancels and is raised again by the call; the session is
    usable afterwards. One thread uses a session at a time, and a second one gets a RuntimeError;
    for parallel clips give each thread its own session on the shared model. While the library
    works, other Python threads run. A session keeps its model's weights and its pool alive.

    After a fork the child may use and close sessions of its parent. They compute in one thread
    there: for more, create one in the child.
    """

    _pointer: ctypes.c_void_p | None = None

    def __init__(
        self,
        model: Model,
        *,
        threads: int = 0,
        pool: Pool | None = None,
        image_by_image: bool = False,
        arena: int | None = None,
        log: LogFunction | None = None,
        progress: ProgressFunction | None = None,
    ) -> None:
        lib = library()
        make_lock(self)
        self._destroy = lib.dp_session_destroy
        self._callbacks = Callbacks(log, progress)
        self._model = model
        options = _options(threads, image_by_image)
        self._callbacks.install(options)
        if arena is not None:
            self._arena = _aligned(integer("arena", arena, 0, sys.maxsize - _ALIGNMENT))
            options.arena, options.arena_size = self._arena.ctypes.data, self._arena.size
        pointer = ctypes.c_void_p()
        # The model's bytes in memory must live as long as the session.
        with _in_use(model, pool, options) as (opened, self._keep):
            check(lib.dp_session_create(opened, ctypes.byref(options), ctypes.byref(pointer)))
        self._pointer = pointer
        self.threads: int = lib.dp_session_threads(pointer)
        """How many threads compute for this session."""

    @staticmethod
    def size(
        model: Model,
        threads: int = 0,
        pool: Pool | None = None,
        image_by_image: bool = False,
    ) -> int:
        """How many bytes a session with these options needs, before anything is created."""
        options, size = _options(threads, image_by_image), ctypes.c_size_t()
        with _in_use(model, pool, options) as (opened, _):
            check(library().dp_session_size(opened, ctypes.byref(options), ctypes.byref(size)))
        return size.value

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # Nobody refers to the session any more: nobody is inside one of its calls.
        self._free()

    @property
    def model(self) -> Model:
        """The model of the session."""
        return self._model

    def close(self) -> None:
        """Frees the session's memory and stops its threads. Closing twice does nothing."""
        with self._exclusively():
            self._free()

    def classify(
        self,
        frames: Frames,
        *,
        sampling: str = "center",
        rate: int | None = None,
        views: int = 1,
        crops: int = 1,
    ) -> Result:
        """Classifies a clip of any number of frames of any size.

        ``frames`` is a uint8 array ``[T, H, W, 3]`` (RGB), ``[T, H, W, 4]`` (RGBA), ``[T, H, W]``
        or ``[T, H, W, 1]`` (gray), or a list of single frames (arrays, or Frame objects for other
        formats) whose sizes may differ. They are read where they are: frames and rows may lie at
        any distance, also a negative one. Where the bytes within a row are not adjacent, a
        ValueError says so; such a view is for the caller to copy.

        - ``sampling``: which frames a view takes: every ``rate``-th from the "center" or the
          "first" on, "uniform" parts of the clip, or "given" for exactly the model's frames.
          Past the end, the last one repeats.
        - ``rate``: 1 .. 65536 frames; None: the model's ``sampling_rate``.
        - ``views``: temporal views, 1 .. 256; ``crops``: square crops along the longer side,
          1 .. 64. Logits and features of all views and crops are averaged.
        """
        return self._classify(frames, _clip(sampling, rate, views, crops), None)

    def _classify(
        self, frames: Frames, clip: dp_clip, times: npt.NDArray[np.float64] | None
    ) -> Result:
        snapshot = describe(frames)
        clip.frames, clip.frame_count = snapshot.descriptors, len(snapshot.descriptors)
        result = default(dp_result)
        with self._exclusively():
            self._call("dp_classify_clip", ctypes.byref(clip), ctypes.byref(result))
            sampled = self._sampled(clip, len(descriptors))
            return Result._from_c(result, self._model.labels, sampled, times)

    def _sampled(self, clip: dp_clip, count: int) -> npt.NDArray[np.int64]:
        """The frames that each view of a clip of ``count`` takes."""
        rate = clip.rate or self._model.sampling_rate
        sampling = name_of("sampling", clip.sampling)
        return sampled_frames(count, self._model.frames, sampling, rate, clip.views)

    def classify_video(
        self,
        path: str | os.PathLike[str],
        *,
        sampling: str = "center",
        rate: int | None = None,
        views: int = 1,
        crops: int = 1,
    ) -> Result:
        """Classifies a video file through PyAV (``pip install 'dualpath[video]'``).

        The answer is that of ``classify(read_video(path), ...)`` with the same options, but only
        the frames that the sampling takes are held in memory. The picture is as the file says that
        it is to be shown: turned, in its proportions and colours. Where a file does not say its
        colours, they are those of its size, BT.709 from 1280 columns or 577 rows on and BT.601
        below, and the logger ``dualpath.video`` hears it.
        """
        clip = _clip(sampling, rate, views, crops)
        video = read_chosen(path, lambda count: set(self._sampled(clip, count).ravel().tolist()))
        return self._classify(video.frames, clip, video.times)

    def begin_clip(self, crop: int = 0, crops: int = 1) -> None:
        """Begins a clip whose frames come one by one, for push_frame() and finish_clip().

        The model sees square ``crop`` (0 .. crops - 1) of ``crops`` (1 .. 64) along the longer
        side; 0 of 1 is the centre. A clip that was not finished is dropped, here and by classify(),
        classify_video() and preprocess_view(). The last result stays as it is.
        """
        crops = integer("crops", crops, 1, MAX_CROPS)
        with self._exclusively():
            self._call("dp_session_begin_clip", integer("crop", crop, 0, crops - 1), crops)

    def push_frame(self, frame: npt.NDArray[np.uint8] | Frame) -> None:
        """Takes the next frame of the clip: an array ``[H, W, 3]``, ``[H, W, 4]`` or ``[H, W]``, or
        a Frame. It is not needed any more afterwards.

        Those of a clip are the ``model.frames`` frames of one view, in order: sampling is for the
        caller. A frame that is refused is not taken, and the clip goes on; cancelling ends it.
        """
        snapshot = describe([frame])
        with self._exclusively():
            self._call("dp_session_push_frame", snapshot.descriptors)

    def finish_clip(self) -> Result:
        """Ends the clip: what classify(frames, sampling="given") answers for the same frames.

        While frames are missing, it is an ArgumentError, and the clip goes on.
        """
        result = default(dp_result)
        with self._exclusively():
            self._call("dp_session_finish_clip", ctypes.byref(result))
            pushed = np.arange(self._model.frames)[None]
            return Result._from_c(result, self._model.labels, pushed)

    def preprocess_view(
        self,
        frames: Frames,
        view: int = 0,
        crop: int = 0,
        *,
        sampling: str = "center",
        rate: int | None = None,
        views: int = 1,
        crops: int = 1,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What the model sees of a clip in one view and crop, with the options of classify().

        The frames of the spatial path ``[spatial_frames, 3, R, R]`` and the framesets of the
        temporal one ``[framesets, 3, R, R]``: R, G, B, a pixel of 0 .. 255 being
        (pixel / 255 - mean) / std. Not in a session that goes ``image_by_image``.
        """
        clip = _clip(sampling, rate, views, crops)
        snapshot = describe(frames)
        clip.frames, clip.frame_count = snapshot.descriptors, len(snapshot.descriptors)
        info = self._model.info
        view, crop = integer("view", view, 0, views - 1), integer("crop", crop, 0, crops - 1)
        seen = [ctypes.POINTER(ctypes.c_float)() for _ in range(2)]
        with self._exclusively():
            self._call("dp_session_preprocess_view", ctypes.byref(clip), view, crop, *map(ctypes.byref, seen))
            spatial, temporal = (
                np.ctypeslib.as_array(pixels, (count, 3, info.input_size, info.input_size)).copy()
                for pixels, count in zip(seen, (info.spatial_frames, info.framesets))
            )
        return spatial, temporal

    def top(self, k: int = 1) -> list[Prediction]:
        """The ``k`` likeliest classes of the last result, 1 .. the model's classes."""
        predictions = (dp_prediction * integer("k", k, 1, max(1, self._model.classes)))()
        with self._exclusively():
            self._call("dp_session_top", len(predictions), predictions)
            return [Prediction._from_c(p) for p in predictions]

    def peak(self, milliseconds: float = 100.0) -> float:
        """10^9 operations a second that the machine reaches in registers (experimental).

        Runs for about ``milliseconds`` (1 .. 10000) on all threads of the session with its
        instruction set; a multiply-add is two operations.
        """
        gops = ctypes.c_double()
        with_experimental()
        with self._exclusively():
            self._call("dp_session_peak", milliseconds, ctypes.byref(gops))
        return gops.value

    def _call(self, function: str, *arguments: object) -> None:
        lib = library()
        if self._pointer is None:
            raise ValueError("the session is closed")
        status = getattr(lib, function)(self._pointer, *arguments)
        self._callbacks.raise_kept()
        if status != 0:
            raise error_for(status, text(lib.dp_session_message(self._pointer)))

    def _make_lock(self) -> None:
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        lock = self._lock  # a callback may fork, and the child has another one then
        if not lock.acquire(blocking=False):
            raise RuntimeError(
                "this session is in use: one thread at a time uses a session, and its callbacks "
                "cannot call it"
            )
        try:
            yield
        finally:
            lock.release()

    def _free(self) -> None:
        pointer, self._pointer = self._pointer, None
        if pointer is None:
            return
        self._destroy(pointer)
        self._keep = None


@contextlib.contextmanager
def _in_use(
    model: Model, pool: Pool | None, options: dp_session_options
) -> Iterator[tuple[ctypes.c_void_p, object]]:
    """The model's pointer and what it keeps; both it and the pool stay open meanwhile."""
    with contextlib.ExitStack() as stack:
        opened = model._opened()
        pointer = stack.enter_context(opened.in_use())
        if pool is not None:
            options.pool = stack.enter_context(pool._opened().in_use())
        yield pointer, opened.keep


def _options(threads: int, image_by_image: bool) -> dp_session_options:
    options = default(dp_session_options)
    options.threads = integer("threads", threads, 0, MAX_THREADS)
    options.image_by_image = bool(image_by_image)
    return options


def _clip(sampling: str, rate: int | None, views: int, crops: int) -> dp_clip:
    clip = default(dp_clip)
    clip.sampling = number_of("sampling", sampling)
    clip.rate = 0 if rate is None else integer("rate", rate, 1, MAX_RATE)
    clip.views = integer("views", views, 1, MAX_VIEWS)
    clip.crops = integer("crops", crops, 1, MAX_CROPS)
    return clip


def _aligned(size: int) -> np.ndarray:
    """`size` bytes at a multiple of the alignment that the library wants."""
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size]
