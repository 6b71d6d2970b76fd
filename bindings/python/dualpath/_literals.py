"""Reads the values that Python source states as literals, such as the configuration that a checkpoint
of mmaction has as text. Nothing is executed: the text is parsed, and what is no literal is left out.
"""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
import warnings
from collections.abc import Iterable
from typing import Any

from ._refused import Refused

_MAX_BYTES = 1 << 20  # a configuration has 10 kB
_MAX_DIGITS = 40
_MAX_DEEPENING = 500  # operators of one statement: each may deepen its tree, and the parser recurses
_FLAT = frozenset("()[]{},:=;")
_NO_LITERAL = object()

Known = dict[str, Any]  # what names stand for


def read_literals(text: str) -> dict[str, Any]:
    """The names that the text assigns a literal at its top level: numbers, texts, None, True and
    False; lists, tuples (as lists) and dictionaries of them, which may be written as calls of
    dict() with keywords; names that were assigned before. What is none of these is not there, in
    lists and dictionaries, either."""
    if len(text) > _MAX_BYTES:
        raise Refused(f"has {len(text)} characters; at most {_MAX_BYTES} are read")
    try:
        _check_depth(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes in texts
            tree = ast.parse(text)
    except (SyntaxError, ValueError, tokenize.TokenError, RecursionError, MemoryError) as error:
        raise Refused("is not Python source that can be parsed") from error
    known: Known = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1 \
                and isinstance(statement.targets[0], ast.Name):
            known[statement.targets[0].id] = _value(statement.value, known)
    return {name: value for name, value in known.items() if value is not _NO_LITERAL}


def _check_depth(text: str) -> None:
    """That no statement asks the parser for a deep tree, or for a number of a thousand digits."""
    deepening = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            deepening = 0
        elif token.type == tokenize.NUMBER and len(token.string) > _MAX_DIGITS:
            raise ValueError("a long number")
        elif token.type == tokenize.OP and token.string not in _FLAT \
                or token.type == tokenize.NAME and keyword.iskeyword(token.string) \
                and token.string not in ("None", "True", "False"):
            deepening += 1
            if deepening > _MAX_DEEPENING:
                raise ValueError("a deep statement")


def _value(node: ast.expr, known: Known) -> Any:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, (int, float, str, type(None))) else _NO_LITERAL
    if isinstance(node, ast.Name):
        return known.get(node.id, _NO_LITERAL)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand, known)
        return -value if type(value) in (int, float) else _NO_LITERAL
    if isinstance(node, (ast.List, ast.Tuple)):
        return [value for item in node.elts if (value := _value(item, known)) is not _NO_LITERAL]
    if isinstance(node, ast.Dict):
        return _dictionary(zip(node.keys, node.values), known)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" \
            and not node.args:
        return _dictionary(((ast.Constant(word.arg) if word.arg else None, word.value)
                            for word in node.keywords), known)
    return _NO_LITERAL


def _dictionary(items: Iterable[tuple[ast.expr | None, ast.expr]], known: Known) -> Known:
    """Of those whose keys are text, and of what `**` (without a key) adds."""
    values: Known = {}
    for key, node in items:
        value = _value(node, known)
        if key is None:
            values.update(value if isinstance(value, dict) else {})
        elif isinstance(key, ast.Constant) and isinstance(key.value, str):
            values[key.value] = value
    return {key: value for key, value in values.items() if value is not _NO_LITERAL}
