"""What INPUT is, and a reader for it: films whose frames are packed one after the other, from a file or
a pipe; video files, cameras and addresses through PyAV; directories of PNG files.

A directory holds PNG files; --size says raw frames; anything else must tell itself by its first byte,
so that pipes, which cannot be rewound, work like files.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .._decoded import Given
from ..errors import DualPathError
from ..frames import Frame
from ..video import Shot, Stamps
from . import arguments as options
from .arguments import Option
from .failure import Failure, usage
from .foreign import ADVICE, kind_of
from .packed import Numpy, Packed, Raw, Y4m, read_all
from .text import complain

DEFAULT_BYTES = 8 << 30
"""Of frames, without --max-memory."""

_BESIDE_PIXELS = 320
"""Bytes that a frame takes beside its pixels, and also one that only stands in the list."""

FRAME_OPTIONS: dict[str, Option] = {
    "--size": options.pair("x", 65536, "a size such as 320x240, each side"),
    "--format": options.named("format", 0, "rgb24"),
    "--color": options.named("color", 0),
    "--rotate": options.choice({"0": 0, "90": 90, "180": 180, "270": 270}),
    "--mirror": options.flag(),
    "--aspect": options.pair(":", 65536, "a ratio such as 16:11, each number"),
}


class FrameOptions(NamedTuple):
    """What the command line says of the frames."""

    size: tuple[int, int] | None
    format: str
    given: Given

    @classmethod
    def of(cls, values: dict[str, Any]) -> FrameOptions:
        given = Given(values["color"], values["rotate"], values["mirror"], values["aspect"])
        return cls(values["size"], values["format"], given)


class Facts:
    """How the frames were taken to be shown; complete after the first one."""

    color: str | None = None
    """How chroma is read; None: there is none."""
    color_guessed = False
    """By the size of the frames."""
    aspect: tuple[int, int] | None = None
    """None: nothing says it, pixels are square."""
    interlaced = False
    cut_off = False


class Input(ABC):
    """A film. Whatever ends it too early is a Failure about it."""

    facts: Facts

    def __init__(self, path: str, frames: FrameOptions, room: int) -> None:
        self.path = path
        self.subject = "standard input" if path == "-" else path
        self.facts = Facts()
        self.room = room
        """Bytes that frames may take."""
        self._given = frames.given

    @property
    def can_rewind(self) -> bool:
        """Whether it can be read twice."""
        return True

    @abstractmethod
    def expected(self) -> Stamps:
        """When its frames are shown, if it tells the truth; none where nobody knows how many."""

    @abstractmethod
    def _shots(self) -> Iterator[Shot]:
        """Its frames from the beginning."""

    def shots(self) -> Iterator[Shot]:
        self.facts = Facts()
        with self._failing():
            yield from self._shots()
            self._warn()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (DualPathError, Failure):
            raise
        except OSError as error:
            raise Failure(self.subject, f"cannot read: {error.strerror or error}") from error
        except MemoryError as error:
            raise Failure(self.subject, str(error) or "out of memory") from error
        except (ValueError, ImportError) as error:
            sentence = str(error)
            raise Failure(self.subject, sentence.removeprefix(f"{self.subject}: ")) from error

    def _warn(self) -> None:
        """Of what is read all the same, though the picture is not what it should be."""

    def kept_shots(self) -> Iterator[Shot]:
        """The same film, of which only as much can be kept as there is room for."""
        taken = 0

        def make(number: int, make_frame: Callable[[], Frame]) -> Frame:
            nonlocal taken
            frame = make_frame()
            taken += sum(plane.nbytes for plane in frame.planes)
            if taken > self.room:
                height, width = frame.planes[0].shape[:2]
                raise Failure(self.subject, no_room(number, width, height, self.room))
            return frame

        for number, shot in enumerate(self.shots(), 1):
            yield shot._replace(make=functools.partial(make, number, shot.make))


def open_input(path: str, frames: FrameOptions, room: int = DEFAULT_BYTES) -> Input:
    """The film that a path means, or ``-``."""
    is_directory = path != "-" and os.path.isdir(path)
    _check_use(path, is_directory, frames)
    if is_directory:
        from .pictures import Pictures

        return Pictures(path, frames, room)
    file = _open(path)
    if not frames.size and _is_film(file, path):
        from .films import FilmInput

        file.close()
        return FilmInput(path, frames, room)
    return PackedInput(path, file, frames, room)


def _check_use(path: str, is_directory: bool, frames: FrameOptions) -> None:
    """What contradicts itself is wrong use, not a wrong file."""
    ending = path.lower()
    if frames.size and (is_directory or ending.endswith((".y4m", ".npy"))):
        raise usage(path, "--size is for raw frames; this input states its own")
    if not frames.size and (ending.endswith((".rgb", ".yuv")) or frames.format != "rgb24"):
        raise usage(path, "raw frames need --size WxH")


def _open(path: str) -> Any:
    try:
        return sys.stdin.buffer if path == "-" else open(path, "rb")
    except (OSError, ValueError) as error:
        advice = ADVICE if "://" in path else ""
        reason = error.strerror if isinstance(error, OSError) else error
        raise Failure(path, f"cannot open: {reason}{advice}") from error


def _is_regular(file: Any) -> bool:
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def _is_film(file: Any, path: str) -> bool:
    """Whether PyAV is to read it. What nobody can read is refused."""
    subject = "standard input" if path == "-" else path
    try:
        start = file.peek(32)[:32]
    except OSError as error:
        raise Failure(subject, f"cannot read: {error.strerror}") from error
    if not start:
        raise Failure(subject, "is empty")
    if start[:1] in (b"\x93", b"Y"):
        return False
    kind = kind_of(start)
    if kind.may_be_video and path != "-" and _is_regular(file):
        return True
    raise Failure(subject, kind.refusal())


class PackedInput(Input):
    """Frames one after the other, in a file or a pipe."""

    def __init__(self, path: str, file: Any, frames: FrameOptions, room: int) -> None:
        super().__init__(path, frames, room)
        self._file, self._frames = file, frames
        self._can_rewind = path != "-" and _is_regular(file)

    @property
    def can_rewind(self) -> bool:
        return self._can_rewind

    def _begin(self) -> Packed:
        """What the film says of itself, from its beginning."""
        if self._can_rewind:
            self._file.seek(0)
        if self._frames.size:
            return Raw(self._frames.size, self._frames.format, self._given)
        if self._file.peek(1)[:1] == b"Y":
            return Y4m(self._file, self._given)
        return Numpy(self._file)

    def expected(self) -> Stamps:
        with self._failing():
            if not self._can_rewind:
                return Stamps([], None)
            film = self._begin()
            left = os.fstat(self._file.fileno()).st_size - self._file.tell()
            fits = left // (film.line_bytes + film.frame_bytes)
            count = fits if film.count is None else min(film.count, fits)
            if count * _BESIDE_PIXELS > self.room:
                raise ValueError(no_room(count, film.width, film.height, self.room))
            return Stamps([_second(film, number) for number in range(count)], None)

    def _shots(self) -> Iterator[Shot]:
        film = self._begin()
        for name in ("color", "color_guessed", "interlaced"):
            setattr(self.facts, name, getattr(film, name))
        self.facts.aspect = self._given.aspect or film.aspect
        seen = 0
        while seen != film.count and self._file.peek(1):
            pixels = self._pixels(film, seen)
            if pixels is None:
                break
            yield Shot(_second(film, seen), functools.partial(film.frame, pixels, self._given))
            seen += 1
        self._seen = seen
        if film.count is not None and seen < film.count:
            raise ValueError(f"frame {seen + 1} is cut short: 0 of {film.frame_bytes} bytes")
        if film.count is not None and self._file.peek(1):
            raise ValueError("goes on after the array; one array a file is needed")
        if seen == 0:
            raise ValueError("holds no frames")

    def _pixels(self, film: Packed, seen: int) -> bytes | None:
        """The bytes of the next frame; None where a Y4M film is cut off, as recordings are that were
        stopped: the frames before are whole."""
        if film.frame_bytes > self.room:
            raise ValueError(no_room(seen + 1, film.width, film.height, self.room))
        try:
            film.begin(self._file, seen + 1)
            pixels = read_all(self._file, film.frame_bytes)
            if len(pixels) < film.frame_bytes:
                raise ValueError(f"frame {seen + 1} is cut short: {len(pixels)} of "
                                 f"{film.frame_bytes} bytes{film.advice}")
        except ValueError:
            if isinstance(film, Y4m) and seen > 0 and not self._file.peek(1):
                self.facts.cut_off = True
                return None
            raise
        return pixels

    def _warn(self) -> None:
        if self.facts.interlaced:
            complain(self.subject, "warning: interlaced, so what moves has combs at its edges; to "
                     "remove them: ffmpeg -i VIDEO -vf bwdif -f yuv4mpegpipe - | dualpath classify "
                     "MODEL -")
        if self.facts.cut_off:
            complain(self.subject, f"warning: cut off within frame {self._seen + 1}; the {self._seen} "
                     "before it are used")


def _second(film: Packed, number: int) -> float | None:
    return None if film.rate is None else number * film.rate[1] / film.rate[0]


def no_room(number: int, width: int, height: int, room: int) -> str:
    return (f"frame {number} of {width} x {height} pixels and those before it take more than the {room} "
            "bytes that --max-memory allows for frames; more would help, or fewer or smaller frames")
