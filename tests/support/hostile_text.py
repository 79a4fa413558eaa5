"""Text that is as hard as can be for a regular expression, derived from the expression itself.

Runs of every character that it names, runs of pairs, its beginnings again and again, and what it
matches with one repetition drawn out and the end missing: on these an expression that goes back
over what it has read takes the square of their length.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

from tests.support.figures import cases

_parser: Any = importlib.import_module("re._parser")
_NONE_OF_IT = "\x00"
_STAND_INS = ("x", "1", " ", "\n", "~", "潮", "\x7f")
_CATEGORIES = {
    "CATEGORY_DIGIT": "1",
    "CATEGORY_SPACE": " ",
    "CATEGORY_WORD": "a",
    "CATEGORY_NOT_DIGIT": "x",
    "CATEGORY_NOT_SPACE": "x",
    "CATEGORY_NOT_WORD": "-",
}
_MANY = 100
_RUNS, _PAIRED = cases(20, 60), cases(4, 9)


def hostile_texts(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Yield texts of about `size` characters."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE & ~re.DEBUG)
    named = list(dict.fromkeys(_named(tree)))[:_RUNS]
    units = [*named, *map("".join, permutations(named[:_PAIRED], 2)), *_beginnings(tree)]
    for unit in dict.fromkeys(units):
        yield (unit * (size // len(unit) + 1))[:size]
    for begin, drawn, end in _drawn_out(tree):
        middle = (drawn * (size // len(drawn) + 1))[:size]
        yield begin + middle
        yield begin + middle + _NONE_OF_IT
        yield begin + middle + end[:-1] + _NONE_OF_IT
        yield (begin + drawn * 8) * (size // (len(begin) + 8 * len(drawn)))


def _beginnings(tree: Any) -> Iterator[str]:  # noqa: ANN401 - of a private module
    nodes = list(tree)
    for length in range(1, len(nodes) + 1):
        if unit := _matched(nodes[:length]):
            yield unit
            yield unit + _NONE_OF_IT


def _named(nodes: Any) -> Iterator[str]:  # noqa: ANN401
    for op, value in nodes:
        if op.name in ("LITERAL", "NOT_LITERAL"):
            yield chr(value)
        if op.name in ("IN", "NOT_LITERAL", "ANY"):
            yield from _members(op.name, value)
        for inner in _inner(op.name, value):
            yield from _named(inner)


def _inner(name: str, value: Any) -> Sequence[Any]:  # noqa: ANN401
    """Return the sequences of nodes inside a node."""
    match name:
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return [value[2]]
        case "SUBPATTERN":
            return [value[3]]
        case "BRANCH":
            return list(value[1])
        case "ASSERT" | "ASSERT_NOT":
            return [value[1]]
        case "ATOMIC_GROUP":
            return [value]
    return []


def _members(name: str, value: Any) -> list[str]:  # noqa: ANN401
    """Return some characters that a class of characters takes."""
    if name == "ANY":
        return ["x"]
    items = [(op.name, given) for op, given in value] if name == "IN" else [("LITERAL", value)]
    members: list[str] = []
    for op, given in items:
        match op:
            case "LITERAL":
                members.append(chr(given))
            case "RANGE":
                members += [chr(given[0]), chr(given[1])]
            case "CATEGORY":
                members.append(_CATEGORIES[str(given).rpartition(".")[2]])
    if name == "NOT_LITERAL" or items[0][0] == "NEGATE":
        return [each for each in _STAND_INS if each not in members]
    return members


def _matched(nodes: Any) -> str:  # noqa: ANN401
    """Return a short text that nodes match, but for what they look around at."""
    return "".join(_one(node) for node in nodes)


def _one(node: tuple[Any, Any]) -> str:
    op, value = node
    match op.name:
        case "LITERAL":
            return chr(int(value))
        case "IN" | "NOT_LITERAL" | "ANY":
            return str(_members(op.name, value)[0])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return _matched(value[2]) * int(max(1, value[0]))
        case "ASSERT" | "ASSERT_NOT" | "AT" | "GROUPREF":
            return ""
    return str(_matched(_inner(op.name, value)[0]))


def _drawn_out(nodes: Any, begin: str = "") -> Iterator[tuple[str, str, str]]:  # noqa: ANN401
    """Yield for each long repetition what stands before it, what it repeats, what comes after."""
    listed = list(nodes)
    for number, (op, value) in enumerate(listed):
        before = begin + _matched(listed[:number])
        after = _matched(listed[number + 1 :])
        if op.name.endswith("REPEAT") and value[1] >= _MANY and (unit := _matched(value[2])):
            for each in (unit, *_class_of(value[2])):
                yield before, each, after
        for inner in _inner(op.name, value):
            yield from _drawn_out(inner, before)


def _class_of(nodes: Any) -> list[str]:  # noqa: ANN401
    """Return the further characters of a repetition of one class."""
    (op, value), *others = list(nodes)
    return _members(op.name, value)[1:_PAIRED] if op.name == "IN" and not others else []
