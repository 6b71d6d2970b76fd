"""A session: everything that changes while clips of one model are classified."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ._callbacks import Callbacks, LogFunction, ProgressFunction
from ._clips import checked_clip, sampled_clip
from ._handle import Handle, Owner, opened
from ._lib import (
    check,
    choice,
    default,
    dp_attention,
    dp_clip,
    dp_prediction,
    dp_result,
    dp_session,
    dp_session_options,
    integer,
    library,
    name_of,
    text,
    with_experimental,
)
from ._pictures import Pictures, as_bytes
from ._protocol import MAX_CROPS
from .errors import error_for
from .frames import Frame, Frames, Snapshot, describe
from .model import Model, ModelFacts
from .pool import MAX_THREADS, Pool
from .result import Attention, Prediction, Result
from .video import Choose, Stamps, Video, read_chosen, sampled_frames

_ALIGNMENT = 64

_Answer = TypeVar("_Answer")


_ATTENTION = {"none": 0, "last": 1, "rollout": 2}


class _Facts(NamedTuple):
    """What belongs to a dp_session: of the model that it was created on, and of its callbacks."""

    model: ModelFacts
    callbacks: Callbacks


class Session(Owner):
    """Classifies clips, one at a time, with memory and threads that are all taken at creation.

    - ``threads``: how many compute, 1 .. 256; 0: as many as this process may run at once. The
      answer does not depend on it, bit for bit.
    - ``pool``: compute with the threads of a ``Pool`` that sessions share, instead of threads of
      the session's own; ``threads`` is then 0 or the pool's.
    - ``image_by_image``: images go through the model one by one: the same answer, bit for bit, in
      much less memory; slower where weights come from far away.
    - ``attention``: what ``attention()`` will tell, of the "last" block, or rolled out over all of
      them ("rollout"); "none" costs nothing. Answers stay the same, bit for bit.
    - ``arena``: put the session into a block of this many bytes, at least ``Session.size()``;
      None: the library allocates.
    - ``log(level, message)``: hears the library, with levels of the logging module.
    - ``progress(stage, fraction)``: called as a clip goes on, fraction 0 to 1; a true return value
      cancels with ``Cancelled``.

    An exception in ``log`` or ``progress`` cancels and is raised again by the call; the session is
    usable afterwards. One thread uses a session at a time, and a second one gets a RuntimeError;
    for parallel clips give each thread its own session on the shared model. While the library
    works, other Python threads run. A session keeps its model's weights and its pool alive. It cannot
    be copied or pickled.

    After a fork the child may use and close sessions of its parent. They compute in one thread
    there: for more, create one in the child.
    """

    _WHAT = "session"
    _INSTEAD_OF_A_COPY = "create another one on its model"

    def __init__(
        self,
        model: Model,
        *,
        threads: int = 0,
        pool: Pool | None = None,
        image_by_image: bool = False,
        attention: str = "none",
        arena: int | None = None,
        log: LogFunction | None = None,
        progress: ProgressFunction | None = None,
    ) -> None:
        options = _options(threads, image_by_image, attention)
        callbacks = Callbacks(log, progress)
        callbacks.install(options)
        block = None
        if arena is not None:
            block = _aligned(integer("arena", arena, 0, sys.maxsize - _ALIGNMENT))
            options.arena, options.arena_size = block.ctypes.data, block.size
        handle = Handle("session", dp_session, "dp_session_destroy", one_user=True)
        model_handle = opened("model", model, Model)
        # The bytes that a model was opened from must live as long as the session.
        handle.keep = (model_handle.keep, callbacks, block)
        handle.about = _Facts(model_handle.about, callbacks)
        create = functools.partial(callbacks.call, library().dp_session_create)
        check(_on(model_handle, pool, options, create, ctypes.byref(handle.pointer)))
        self._handle = handle
        self._model = model
        self.threads: int = library().dp_session_threads(handle.pointer)
        """How many threads compute for this session."""

    @staticmethod
    def size(
        model: Model,
        threads: int = 0,
        pool: Pool | None = None,
        image_by_image: bool = False,
        attention: str = "none",
    ) -> int:
        """How many bytes a session with these options needs, before anything is created."""
        options, size = _options(threads, image_by_image, attention), ctypes.c_size_t()
        measure = library().dp_session_size
        check(_on(opened("model", model, Model), pool, options, measure, ctypes.byref(size)))
        return size.value

    def __repr__(self) -> str:
        if not hasattr(self, "_handle"):
            return "<dualpath.Session (never opened)>"
        closed = "" if self._handle else " (closed)"
        threads = f"{self.threads} thread{'' if self.threads == 1 else 's'}"
        return f"<dualpath.Session of {threads} on {self._model.info.description}{closed}>"

    @property
    def model(self) -> Model:
        """The model of the session."""
        if not hasattr(self, "_model"):
            self._opened()  # which says why there is none
        return self._model

    def close(self) -> None:
        """Frees the session's memory and stops its threads. Closing twice does nothing."""
        super().close()

    def classify(
        self,
        frames: Frames,
        *,
        sampling: str = "model",
        rate: int | None = None,
        views: int | None = None,
        crops: int | None = None,
        pictures: bool = False,
    ) -> Result:
        """Classifies a clip of any number of frames of any size.

        ``frames`` is a uint8 array ``[T, H, W, 3]`` (RGB), ``[T, H, W, 4]`` (RGBA), ``[T, H, W]``
        or ``[T, H, W, 1]`` (gray), or a list of single frames (arrays, or Frame objects for other
        formats) whose sizes may differ. They are read where they are: frames and rows may lie at
        any distance, also a negative one. Where the bytes within a row are not adjacent, a
        ValueError says so; such a view is for the caller to copy.

        - ``sampling``: which frames a view takes: as the "model" says; every ``rate``-th from the
          "center" or the "first" on, or as published evaluations begin ("interval", "spread");
          "uniform" parts of the clip, or "segments"; or "given" for exactly the model's frames.
          Past the end, the last one repeats, or, where the model says so, the first ones follow.
        - ``rate``: 1 .. 65536 frames; None: the model's ``sampling_rate``.
        - ``views``: temporal views, 1 .. 256; ``crops``: square crops along the longer side,
          1 .. 64; None: the model's. Logits and features of all views and crops are averaged.
        - ``pictures``: the result has what the model saw of the first view and crop, and notebooks
          show it. Not in a session that goes ``image_by_image``.
        """
        return self._classify(frames, checked_clip(sampling, rate, views, crops), pictures=pictures)

    def _classify(
        self,
        frames: Frames,
        clip: dp_clip,
        numbers: npt.NDArray[np.int64] | None = None,
        times: npt.NDArray[np.float64] | None = None,
        pictures: bool = False,
    ) -> Result:
        """``numbers``: those of the frames where they come from, if they are not 0, 1, 2, ...;
        ``times``: of all frames that are there."""
        result = default(dp_result)
        snapshot = _take_frames(clip, frames)

        def answer(facts: ModelFacts) -> Result:
            sampled = _sampled(facts, clip, clip.frame_count)
            taken = sampled if numbers is None else numbers[sampled]
            return Result._from_c(result, facts.labels, taken, times)

        arguments = (ctypes.byref(clip), ctypes.byref(result))
        answered = self._call(library().dp_classify_clip, arguments, answer, keep=snapshot)
        if pictures:
            return replace(answered, pictures=self._pictures(clip, snapshot))
        return answered

    def _pictures(self, clip: dp_clip, snapshot: Snapshot) -> Pictures:
        info = self._opened().about.model.info
        seen = self._see(clip, 0, 0, snapshot)
        return Pictures(*(as_bytes(images, info.mean, info.std) for images in seen))

    def classify_video(
        self,
        path: str | os.PathLike[str],
        *,
        sampling: str = "model",
        rate: int | None = None,
        views: int | None = None,
        crops: int | None = None,
        sample_fps: float | None = None,
        pictures: bool = False,
    ) -> Result:
        """Classifies a video file through PyAV (``pip install 'dualpath[video]'``).

        The answer is that of ``classify(read_video(path), ...)`` with the same options, but only
        the frames that the sampling takes are held in memory. The picture is as the file says that
        it is to be shown: turned, in its proportions and colours. Where a file does not say its
        colours, they are those of its size, BT.709 from 1280 columns or 577 rows on and BT.601
        below, and the logger ``dualpath.video`` hears it.

        With ``sample_fps``, frames are sampled by time first, as by a stream: so many a second,
        whatever the rate of the file. Where frames are missing, the one before stands in their place.
        ``sampling`` and ``views`` then choose among these, in steps of 1; ``rate`` is not given.
        """
        return self._classify_chosen(
            functools.partial(read_chosen, path), sampling, rate, views, crops, sample_fps, pictures
        )

    def _classify_chosen(
        self,
        read: Callable[[Choose], Video],
        sampling: str,
        rate: int | None,
        views: int | None,
        crops: int | None,
        sample_fps: float | None,
        pictures: bool = False,
    ) -> Result:
        """The same of any film: ``read(choose)`` reads it, and keeps the frames ``choose(stamps)``."""
        clip, sample_fps = sampled_clip(sampling, rate, views, crops, sample_fps)
        facts = self._opened().about.model

        def numbers(stamps: Stamps) -> npt.NDArray[np.int64]:
            """The frames of the file that sampling chooses from."""
            return np.arange(len(stamps.seconds)) if sample_fps is None else stamps.by_time(sample_fps)

        def choose(stamps: Stamps) -> list[int]:
            there = numbers(stamps)
            sampled = _sampled(facts, clip, len(there)).ravel()
            chosen: list[int] = there[sampled[sampled < len(there)]].tolist()
            return chosen

        video = read(choose)
        taken = numbers(video.stamps)
        frames = [video.frames[number] for number in taken]
        return self._classify(frames, clip, taken, video.stamps.after_the_first(), pictures)

    def begin_clip(self, crop: int = 0, crops: int = 1) -> None:
        """Begins a clip whose frames come one by one, for push_frame() and finish_clip().

        The model sees square ``crop`` (0 .. crops - 1) of ``crops`` (1 .. 64) along the longer
        side; 0 of 1 is the centre. A clip that was not finished is dropped, here and by classify(),
        classify_video() and preprocess_view(). The last result stays as it is.
        """
        crops = integer("crops", crops, 1, MAX_CROPS)
        crop = integer("crop", crop, 0, crops - 1)
        self._call(library().dp_session_begin_clip, (crop, crops), _nothing)

    def push_frame(self, frame: npt.NDArray[np.uint8] | Frame) -> None:
        """Takes the next frame of the clip: an array ``[H, W, 3]``, ``[H, W, 4]`` or ``[H, W]``, or
        a Frame. It is not needed any more afterwards.

        Those of a clip are the ``model.frames`` frames of one view, in order: sampling is for the
        caller. A frame that is refused is not taken, and the clip goes on; cancelling ends it.
        """
        snapshot = describe([frame])
        self._call(
            library().dp_session_push_frame, (snapshot.descriptors,), _nothing, keep=snapshot
        )

    def finish_clip(self) -> Result:
        """Ends the clip: what classify(frames, sampling="given", crops=1) answers for the same frames,
        or for that crop of several.

        While frames are missing, it is an ArgumentError, and the clip goes on.
        """
        result = default(dp_result)
        return self._call(
            library().dp_session_finish_clip,
            (ctypes.byref(result),),
            lambda facts: Result._from_c(result, facts.labels, np.arange(facts.info.frames)[None]),
        )

    def preprocess_view(
        self,
        frames: Frames,
        view: int = 0,
        crop: int = 0,
        *,
        sampling: str = "model",
        rate: int | None = None,
        views: int | None = None,
        crops: int | None = None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What the model sees of a clip in one view and crop, with the options of classify().

        The frames of the spatial path ``[spatial_frames, 3, R, R]`` and the framesets of the
        temporal one ``[framesets, 3, R, R]``, none with one path: R, G, B, a pixel of 0 .. 255 being
        (pixel / 255 - mean) / std. Not in a session that goes ``image_by_image``.
        """
        clip = checked_clip(sampling, rate, views, crops)
        there = _complete(self._opened().about.model, clip)
        view = integer("view", view, 0, there.views - 1)
        crop = integer("crop", crop, 0, there.crops - 1)
        return self._see(clip, view, crop, _take_frames(clip, frames))

    def _see(
        self, clip: dp_clip, view: int, crop: int, snapshot: Snapshot
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        spatial, temporal = (ctypes.POINTER(ctypes.c_float)() for _ in range(2))

        def copies(facts: ModelFacts) -> tuple[npt.NDArray[np.float32], ...]:
            side = facts.info.input_size
            return tuple(
                np.ctypeslib.as_array(pixels, (count, 3, side, side)).copy()
                if count
                else np.empty((0, 3, side, side), np.float32)
                for pixels, count in (
                    (spatial, facts.info.spatial_frames),
                    (temporal, facts.info.framesets),
                )
            )

        arguments = (ctypes.byref(clip), view, crop, ctypes.byref(spatial), ctypes.byref(temporal))
        seen = self._call(library().dp_session_preprocess_view, arguments, copies, keep=snapshot)
        return seen[0], seen[1]

    def top(self, k: int = 1) -> list[Prediction]:
        """The ``k`` likeliest classes of the last result, 1 .. the model's classes."""
        classes = self._opened().about.model.info.classes
        # Without classes the library says so, whatever it is asked for.
        predictions = (dp_prediction * (integer("k", k, 1, classes) if classes else 1))()
        return self._call(
            library().dp_session_top,
            (len(predictions), predictions),
            lambda _: [Prediction._from_c(p) for p in predictions],
        )

    def attention(self) -> Attention:
        """What the class tokens of the last clip attended to, in its last view and crop: for a
        session with ``attention="last"`` or ``"rollout"``."""
        spatial = self._attention_of(0)
        if self._opened().about.model.info.framesets:
            return Attention(spatial, self._attention_of(1))
        return Attention(spatial, np.empty((0, *spatial.shape[1:]), np.float32))

    def _attention_of(self, path: int) -> npt.NDArray[np.float32]:
        given = dp_attention()

        def copy(_: ModelFacts) -> npt.NDArray[np.float32]:
            shape = given.images, given.heads, given.tokens
            return np.ctypeslib.as_array(given.weights, shape).copy()

        arguments = (path, ctypes.byref(given))
        return self._call(library().dp_session_attention, arguments, copy)

    def peak(self, milliseconds: float = 100.0) -> float:
        """10^9 operations a second that the machine reaches in registers (experimental).

        Runs for about ``milliseconds`` (1 .. 10000) on all threads of the session with its
        instruction set; a multiply-add is two operations.
        """
        gops = ctypes.c_double()
        return self._call(
            with_experimental().dp_session_peak,
            (milliseconds, ctypes.byref(gops)),
            lambda _: gops.value,
        )

    def _call(
        self,
        function: Callable[..., int],
        arguments: tuple[Any, ...],
        answer: Callable[[ModelFacts], _Answer],
        keep: Snapshot | None = None,
    ) -> _Answer:
        """What the answer is of a call of the library: it is copied before the next call can come.
        What the library reads, `keep`, lives until then."""
        handle = self._opened()
        facts: _Facts = handle.about

        def work(pointer: Any) -> _Answer:
            status = facts.callbacks.call(function, pointer, *arguments)
            if status != 0:
                raise error_for(status, text(library().dp_session_message(pointer)))
            return answer(facts.model)

        return handle.use(work)


def _nothing(_: ModelFacts) -> None:
    return None


def _on(
    model: Handle,
    pool: Pool | None,
    options: dp_session_options,
    function: Callable[..., int],
    *rest: Any,
) -> int:
    """Calls a function about sessions on a model and a pool, which stay open meanwhile."""
    if pool is None:
        return model.use(lambda pointer: function(pointer, ctypes.byref(options), *rest))

    def on_pool(pool_pointer: Any) -> int:
        options.pool = pool_pointer
        return _on(model, None, options, function, *rest)

    return opened("pool", pool, Pool).use(on_pool)


def _options(threads: int, image_by_image: bool, attention: str) -> dp_session_options:
    options = default(dp_session_options)
    options.threads = integer("threads", threads, 0, MAX_THREADS)
    options.image_by_image = bool(image_by_image)
    options.attention = choice("attention", attention, _ATTENTION)
    return options


class _Complete(NamedTuple):
    """How a clip is seen, with what the model says of what the caller did not say."""

    sampling: str
    rate: int
    views: int
    crops: int


def _complete(facts: ModelFacts, clip: dp_clip) -> _Complete:
    info, sampling = facts.info, name_of("sampling", clip.sampling)
    if sampling == "model":
        sampling = info.sampling
    views = 1 if sampling in ("given", "segments") else info.views
    return _Complete(
        sampling, clip.rate or info.sampling_rate, clip.views or views, clip.crops or info.crops
    )


def _sampled(facts: ModelFacts, clip: dp_clip, count: int) -> npt.NDArray[np.int64]:
    """The frames that each view of a clip of ``count`` takes, [views, frames]."""
    info, how = facts.info, _complete(facts, clip)
    return sampled_frames(count, info.frames, how.sampling, how.rate, how.views, info.past_end)


def _take_frames(clip: dp_clip, frames: Frames) -> Snapshot:
    """Puts frames into a clip, which reads what is returned."""
    snapshot = describe(frames)
    clip.frames, clip.frame_count = snapshot.descriptors, len(snapshot.descriptors)
    return snapshot


def _aligned(size: int) -> np.ndarray:
    """`size` bytes at a multiple of the alignment that the library wants."""
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size]
