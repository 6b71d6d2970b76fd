"""Pointers that the library hands out: each has one owner, who frees it once.

A Handle is there before the call that sets its pointer, so that nothing can come between a call that
opens and the object that frees: neither an error nor a signal. Whoever is inside a call is counted:
a model that one thread closes while another creates a session on it is freed by the last to leave.
What was never closed is freed with its handle.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar

from ._advice import refusal
from ._fork import renew_in_children
from ._lib import library

_Answer = TypeVar("_Answer")
_Self = TypeVar("_Self", bound="Owner")


class _User:
    """A call that is going on. `part`: of what it works on; None: of all."""

    def __init__(self, part: str | None = None) -> None:
        self.thread = threading.get_ident()
        self.part = part

    def meets(self, other: _User) -> bool:
        return self.part is None or other.part is None or self.part == other.part


class _Handle:
    """A ``dp_model``, ``dp_pool``, ``dp_session``, ..., once `pointer` is set.

    - ``keep``: what the library reads for as long as the handle lives.
    - ``about``: what the binding knows of it, made when it was opened.
    - ``one_user``: a second user is refused, instead of working beside the first; but for one of
      another part.
    - ``left_behind``: in a child, whether another thread was inside a call when the process forked.
    """

    def __init__(self, what: str, kind: type, close: str, *, one_user: bool = False) -> None:
        self.pointer: Any = ctypes.POINTER(kind)()
        self.keep: object = None
        self.about: Any = None
        self._null: Any = ctypes.POINTER(kind)()
        self._what = what
        self._close: Callable[[Any], object] = getattr(library(), close)
        self._one_user = one_user
        self._users: set[_User] = set()
        self._closed = False
        self.left_behind = False
        # Reentrant: the garbage collector or the handler of a signal may come in inside of it.
        self._lock = threading.RLock()
        renew_in_children(self)

    def renew(self) -> None:
        """In a child, calls of other threads do not go on."""
        self._lock = threading.RLock()
        mine = {user for user in self._users if user.thread == threading.get_ident()}
        self.left_behind = self.left_behind or len(mine) < len(self._users)
        self._users = mine

    def use(
        self,
        work: Callable[[Any], _Answer],
        *,
        even_if_closed: bool = False,
        part: str | None = None,
    ) -> _Answer:
        """What work(pointer) answers. Nobody frees the pointer meanwhile."""
        me = _User(part)
        try:
            with self._lock:
                self._check_free_for_use(me, even_if_closed)
                self._users.add(me)
            return work(self.pointer)
        finally:
            self._users.discard(me)  # first, so that no handler of a signal comes before it
            self._free_if_left()

    def close(self) -> None:
        """Frees the pointer, or leaves it to who is inside a call."""
        with self._lock:
            if not self._closed:
                self._check_free_for_use(_User())
            self._closed = True
        self._free_if_left()

    def _check_free_for_use(self, me: _User, even_if_closed: bool = False) -> None:
        if self._closed and not even_if_closed:
            raise ValueError(f"the {self._what} is closed")
        if self._one_user and any(map(me.meets, self._users.copy())):
            raise RuntimeError(
                f"this {self._what} is in use: one thread at a time uses a {self._what}, and its "
                "callbacks cannot call it"
            )

    def _free_if_left(self) -> None:
        if self._closed and not self._users:
            self._free()

    def _free(self) -> None:
        with self._lock:
            # No handler of a signal, and no other thread, comes between these two.
            pointer, self.pointer = self.pointer, self._null
            if pointer:
                self._close(pointer)
        self.keep = None
        # No code runs when this object goes: what a signal raised there would be lost.
        self.__class__ = _Handle


class Handle(_Handle):
    """One that is freed with its last reference, if nobody closed it before."""

    def __del__(self) -> None:
        if hasattr(self, "_lock"):  # else __init__ was interrupted, and there is nothing to free
            self._free()


class Owner:
    """What models, pools, sessions, ... have in common: a handle, until they are closed."""

    _WHAT: ClassVar[str]
    _INSTEAD_OF_A_COPY: ClassVar[str]
    _handle: Handle | None

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle is not None:
            handle.close()
            self._handle = None

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            f"a {self._WHAT} cannot be copied or pickled: {self._INSTEAD_OF_A_COPY}"
        )

    def _opened(self) -> Handle:
        try:
            handle = self._handle
        except AttributeError:
            raise ValueError(
                f"the {self._WHAT} was never opened: {type(self).__name__} must call "
                "super().__init__()"
            ) from None
        if handle is None:
            raise ValueError(f"the {self._WHAT} is closed")
        return handle


def opened(argument: str, value: Any, kind: type[Owner]) -> Handle:
    """The handle of an argument, which must be of this kind."""
    if not isinstance(value, kind):
        raise refusal(f"{argument} must be a dualpath.{kind.__name__}", value, argument)
    return value._opened()
