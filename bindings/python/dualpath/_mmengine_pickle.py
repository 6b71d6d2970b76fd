"""Stand-ins for what a checkpoint of MMEngine mentions beside tensors: the history of its losses, an
object that names functions of its own class. Nothing is looked up or called.
"""

from __future__ import annotations

from typing import Any

from ._pickle import Global
from ._refused import Refused

_HISTORY = "mmengine.logging.history_buffer.HistoryBuffer"
_METHODS = ("min", "max", "current", "mean")


def _attribute(owner: Any = None, name: Any = None, *_default: Any) -> Global:
    """Stands for getattr(), by which older protocols name a function of a class."""
    if not isinstance(owner, Global) or owner.name != _HISTORY or name not in _METHODS:
        raise Refused("the pickle calls builtins.getattr for something else than the methods of "
                      f"{_HISTORY}; nothing was executed")
    return Global(f"{_HISTORY}.{name}")


def whitelist() -> dict[str, Global]:
    """The names that such a pickle mentions, and what stands for them."""
    methods = {f"{_HISTORY}.{name}": Global(f"{_HISTORY}.{name}") for name in _METHODS}
    return {_HISTORY: Global(_HISTORY, is_record=True), **methods,
            "builtins.getattr": Global("builtins.getattr", _attribute)}
