"""Opens a model and a session on it the way the command line asks."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..errors import BackboneError, DualPathError, OutOfMemoryError
from ..model import CPU_SETS, Model
from ..pool import MAX_THREADS
from ..session import Session
from . import arguments as options
from .arguments import Option
from .failure import Failure
from .inputs import DEFAULT_BYTES
from .text import warn

_CPU = {"auto": None, **{name: name for name in CPU_SETS}}

MODEL_OPTIONS: dict[str, Option] = {
    "--cpu": options.choice(_CPU),
    "--precision": options.named("precision", 1),
    "--verify": options.flag(),
    "--backbone": options.file(),
    "--max-memory": options.size_in_bytes(),
}
ENGINE_OPTIONS: dict[str, Option] = {
    "--threads": options.whole(1, MAX_THREADS),
    "--unfused": options.flag(),
    "--image-by-image": options.flag(),
    "--quiet": options.flag(),
    **MODEL_OPTIONS,
}

_MORE_MEMORY = " (a larger --max-memory would help)"


class Engine(NamedTuple):
    model: Model
    session: Session
    start_ms: float
    """What opening both took."""

    def room(self, max_memory: int | None, more: int = 0) -> int:
        """What a limit for all leaves for frames, beside the model, its session and more bytes."""
        if max_memory is None:
            return DEFAULT_BYTES
        return max(max_memory - self.model.counted_bytes() - more, 0)


@contextlib.contextmanager
def opened_model(path: str, values: dict[str, Any]) -> Iterator[Model]:
    """A model of its own, or a task on a backbone."""
    backbone, limit = values["backbone"], values["max_memory"]
    how = {"verify": values["verify"], "log": _hear, "progress": _go_on}
    whole = {"cpu": values["cpu"], "precision": values["precision"], "max_memory": limit,
             "unfused": values.get("unfused", False), **how}
    with contextlib.ExitStack() as stack:
        if backbone is None:
            with _failing(path, limit is not None, is_task=False):
                model = Model(path, **whole)
        else:
            with _failing(backbone, limit is not None):
                frozen = stack.enter_context(Model(backbone, as_backbone=True, **whole))
            with _failing(path, limit is not None):
                model = frozen.open_task(path, **how)
        yield stack.enter_context(model)


@contextlib.contextmanager
def started(path: str, values: dict[str, Any]) -> Iterator[Engine]:
    """A model and a session."""
    start = time.monotonic()
    image_by_image = values["image_by_image"]
    with opened_model(path, values) as model:
        remedy = "" if image_by_image else ", or --image-by-image"
        with _failing(path, values["max_memory"] is not None, remedy):
            session = Session(model, threads=values["threads"] or 0, image_by_image=image_by_image,
                              log=_hear, progress=_go_on)
        with session:
            yield Engine(model, session, 1000 * (time.monotonic() - start))


@contextlib.contextmanager
def about(subject: str) -> Iterator[None]:
    """What the library refuses is a Failure about it."""
    try:
        yield
    except DualPathError as error:
        raise Failure(subject, str(error)) from error


@contextlib.contextmanager
def _failing(
    path: str, is_limited: bool, remedy: str = "", is_task: bool = True
) -> Iterator[None]:
    """The same of opening, with what helps."""
    try:
        yield
    except OutOfMemoryError as error:
        help = f"{_MORE_MEMORY[:-1]}{remedy})" if is_limited else ""
        raise Failure(path, f"{error}{help}") from error
    except BackboneError as error:
        raise Failure(path, f"{error}{'' if is_task else ' (--backbone FILE names it)'}") from error
    except DualPathError as error:
        raise Failure(path, str(error)) from error


def _hear(level: int, message: str) -> None:
    if level >= logging.WARNING:
        warn(message)


def _go_on(stage: str, fraction: float) -> bool:
    """Called while the library works, so that signals are heard."""
    return False
