"""A reader of pickles that executes nothing.

A pickle is a program for a small stack machine; the standard library's machine can import and
call anything. This one knows the instructions that PyTorch writes and nothing else, asks a
function for the meaning of every name, and builds plain values and inert records only.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from ._refused import Refused, show

MAX_BYTES = 1 << 26  # of a pickle; a checkpoint of a thousand tensors needs 200 KB
_MAX_INTEGER_BYTES = 16  # a seed needs 9; numbers of megabytes are only good for stalling


class Global:
    """A name of the whitelist. `call` turns the arguments of a REDUCE into a value, or is None
    for names that are only mentioned (types); `is_record` allows NEWOBJ, which makes a Record."""

    def __init__(self, name: str, call: Callable[..., Any] | None = None,
                 is_record: bool = False) -> None:
        self.name = name
        self.call = call
        self.is_record = is_record


FindGlobal = Callable[[str, str], Global]
FindPersistent = Callable[[Any], Any]


class Inert:
    """Base of our stand-ins for foreign objects: all that BUILD may touch."""

    def set_state(self, state: Any) -> None:
        raise NotImplementedError


class Record(Inert):
    """An object of which only the name of its type and its attributes are known."""

    def __init__(self, type_name: str) -> None:
        self.type_name = type_name
        self.attributes: dict[str, Any] = {}

    def set_state(self, state: Any) -> None:
        if type(state) is not dict or not all(isinstance(key, str) for key in state):
            raise Refused(f"the state of a {show(self.type_name)} is not a dictionary of names")
        self.attributes.update(state)


class Dictionary(dict[Any, Any], Inert):
    """Stands for OrderedDict. Its own attributes (`_metadata` of a state_dict) are not kept."""

    def set_state(self, state: Any) -> None:
        pass


def hashable(value: Any) -> Any:
    """Refuses what may not be a key or a member of a set. A tuple may not: hashing a deeply nested
    one overflows the C stack of the interpreter."""
    if not isinstance(value, (str, bytes, int, float, type(None))):
        raise Refused(f"the pickle has a key that is a {type(value).__name__}")
    return value


class _Machine:
    def __init__(self, data: bytes, find_global: FindGlobal,
                 find_persistent: FindPersistent) -> None:
        self.data = data
        self.position = 0
        self.find_global = find_global
        self.find_persistent = find_persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    # --- bytes ---

    def take(self, count: int) -> bytes:
        start, self.position = self.position, self.position + count
        if count < 0 or self.position > len(self.data):
            raise Refused("the pickle ends too early")
        return self.data[start:self.position]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def block(self, form: str) -> bytes:
        return self.take(self.number(form))

    def integer(self, form: str) -> int:
        data = self.block(form)
        if len(data) > _MAX_INTEGER_BYTES:
            raise Refused(f"the pickle has an integer of {len(data)} bytes")
        return int.from_bytes(data, "little", signed=True)

    def line(self) -> str:
        end = self.data.find(b"\n", self.position)
        if end < 0:
            raise Refused("the pickle ends too early")
        return self.take(end + 1 - self.position)[:-1].decode("utf-8")

    # --- stack ---

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise Refused("the pickle takes more values than it has put")
        return self.stack.pop()

    def pop_several(self, count: int) -> tuple[Any, ...]:
        return tuple(reversed([self.pop() for _ in range(count)]))

    def pop_mark(self) -> list[Any]:
        if not self.marks:
            raise Refused("the pickle has no mark where it needs one")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def top(self, kind: type) -> Any:
        value = self.pop()
        if not isinstance(value, kind):
            raise Refused(f"the pickle fills a {type(value).__name__} as if it were "
                          f"a {kind.__name__}")
        self.push(value)
        return value

    def duplicate(self) -> None:
        value = self.pop()
        self.stack += [value, value]

    # --- values ---

    def set_items(self, values: Sequence[Any]) -> None:
        if len(values) % 2:
            raise Refused("the pickle has a dictionary with a key and no value")
        target = self.top(dict)
        for key, value in zip(values[0::2], values[1::2]):
            target[hashable(key)] = value

    def set_item(self) -> None:
        self.set_items(self.pop_several(2))

    def make_dictionary(self) -> None:
        values = self.pop_mark()
        self.push({})
        self.set_items(values)

    def append(self) -> None:
        value = self.pop()
        self.top(list).append(value)

    def extend(self) -> None:
        values = self.pop_mark()
        self.top(list).extend(values)

    def add_items(self) -> None:
        values = [hashable(value) for value in self.pop_mark()]
        self.top(set).update(values)

    # --- memo ---

    def put(self, index: int) -> None:
        self.push(self.pop())
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise Refused(f"the pickle asks for value {index}, which it has not remembered")
        self.push(self.memo[index])

    # --- names and objects ---

    def stack_global(self) -> None:
        module, name = self.pop_several(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("the pickle has a name that is not text")
        self.push(self.find_global(module, name))

    def instance(self) -> None:
        name = self.find_global(self.line(), self.line()).name
        raise Refused(f"the pickle makes a {show(name)} in a way that PyTorch does not")

    def reduce(self) -> None:
        function, arguments = self.pop_several(2)
        if not isinstance(function, Global) or function.call is None:
            raise Refused(f"the pickle calls {_describe(function)}, which is not a function")
        if type(arguments) is not tuple:
            raise Refused(f"the pickle calls {function.name} without a tuple of arguments")
        self.push(function.call(*arguments))

    def new_object(self) -> None:
        kind, arguments = self.pop_several(2)
        if not isinstance(kind, Global) or not kind.is_record or arguments != ():
            raise Refused(f"the pickle makes an object of {_describe(kind)}")
        self.push(Record(kind.name))

    def build(self) -> None:
        state = self.pop()
        target = self.pop()
        if not isinstance(target, Inert):
            raise Refused(f"the pickle changes the state of {_describe(target)}")
        target.set_state(state)
        self.push(target)

    def protocol(self) -> None:
        version = self.number("<B")
        if version > 5:
            raise Refused(f"pickle protocol {version} is not known; 5 is the newest")


def _describe(value: Any) -> str:
    return show(value.name) if isinstance(value, Global) else f"a {type(value).__name__}"


# What each instruction does; the names are those of the standard library's pickletools.
_INSTRUCTIONS: dict[int, Callable[[_Machine], object]] = {
    0x80: _Machine.protocol,  # PROTO
    0x95: lambda m: m.take(8),  # FRAME
    ord("N"): lambda m: m.push(None),  # NONE
    0x88: lambda m: m.push(True),  # NEWTRUE
    0x89: lambda m: m.push(False),  # NEWFALSE
    ord("J"): lambda m: m.push(m.number("<i")),  # BININT
    ord("K"): lambda m: m.push(m.number("<B")),  # BININT1
    ord("M"): lambda m: m.push(m.number("<H")),  # BININT2
    0x8A: lambda m: m.push(m.integer("<B")),  # LONG1
    0x8B: lambda m: m.push(m.integer("<i")),  # LONG4
    ord("G"): lambda m: m.push(m.number(">d")),  # BINFLOAT
    ord("X"): lambda m: m.push(_text(m.block("<I"))),  # BINUNICODE
    0x8C: lambda m: m.push(_text(m.block("<B"))),  # SHORT_BINUNICODE
    0x8D: lambda m: m.push(_text(m.block("<Q"))),  # BINUNICODE8
    ord("B"): lambda m: m.push(m.block("<I")),  # BINBYTES
    ord("C"): lambda m: m.push(m.block("<B")),  # SHORT_BINBYTES
    0x8E: lambda m: m.push(m.block("<Q")),  # BINBYTES8
    ord("T"): lambda m: m.push(m.block("<i")),  # BINSTRING
    ord("U"): lambda m: m.push(m.block("<B")),  # SHORT_BINSTRING
    ord(")"): lambda m: m.push(()),  # EMPTY_TUPLE
    0x85: lambda m: m.push(m.pop_several(1)),  # TUPLE1
    0x86: lambda m: m.push(m.pop_several(2)),  # TUPLE2
    0x87: lambda m: m.push(m.pop_several(3)),  # TUPLE3
    ord("t"): lambda m: m.push(tuple(m.pop_mark())),  # TUPLE
    ord("]"): lambda m: m.push([]),  # EMPTY_LIST
    ord("l"): lambda m: m.push(m.pop_mark()),  # LIST
    ord("a"): _Machine.append,  # APPEND
    ord("e"): _Machine.extend,  # APPENDS
    ord("}"): lambda m: m.push({}),  # EMPTY_DICT
    ord("d"): _Machine.make_dictionary,  # DICT
    ord("s"): _Machine.set_item,  # SETITEM
    ord("u"): lambda m: m.set_items(m.pop_mark()),  # SETITEMS
    0x8F: lambda m: m.push(set()),  # EMPTY_SET
    0x90: _Machine.add_items,  # ADDITEMS
    0x91: lambda m: m.push({hashable(value) for value in m.pop_mark()}),  # FROZENSET
    ord("("): lambda m: m.marks.append(len(m.stack)),  # MARK
    ord("0"): _Machine.pop,  # POP
    ord("1"): _Machine.pop_mark,  # POP_MARK
    ord("2"): _Machine.duplicate,  # DUP
    ord("q"): lambda m: m.put(m.number("<B")),  # BINPUT
    ord("r"): lambda m: m.put(m.number("<I")),  # LONG_BINPUT
    0x94: lambda m: m.put(len(m.memo)),  # MEMOIZE
    ord("h"): lambda m: m.get(m.number("<B")),  # BINGET
    ord("j"): lambda m: m.get(m.number("<I")),  # LONG_BINGET
    ord("c"): lambda m: m.push(m.find_global(m.line(), m.line())),  # GLOBAL
    0x93: _Machine.stack_global,  # STACK_GLOBAL
    ord("i"): _Machine.instance,  # INST
    ord("R"): _Machine.reduce,  # REDUCE
    0x81: _Machine.new_object,  # NEWOBJ
    ord("b"): _Machine.build,  # BUILD
    ord("Q"): lambda m: m.push(m.find_persistent(m.pop())),  # BINPERSID
}
_STOP = ord(".")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def load(data: bytes, find_global: FindGlobal, find_persistent: FindPersistent) -> Any:
    """The value that a pickle describes. `find_global(module, name)` returns a Global or refuses;
    `find_persistent(identifier)` returns what stands for data outside of the pickle."""
    return load_next(data, 0, find_global, find_persistent)[0]


def load_next(data: bytes, start: int, find_global: FindGlobal,
              find_persistent: FindPersistent) -> tuple[Any, int]:
    """The value of the pickle that begins at a byte of `data`, and where that pickle ends."""
    machine = _Machine(data, find_global, find_persistent)
    machine.position = start
    try:
        while True:
            opcode = machine.take(1)[0]
            if opcode == _STOP:
                return machine.pop(), machine.position
            if opcode not in _INSTRUCTIONS:
                raise Refused(f"the pickle uses instruction 0x{opcode:02x} at byte "
                              f"{machine.position - 1}, which PyTorch does not write")
            _INSTRUCTIONS[opcode](machine)
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        raise Refused(f"the pickle makes no sense before byte {machine.position}: "
                      f"{show(str(error))}") from error
