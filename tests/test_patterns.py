"""No regular expression of the program takes long, whatever it is given."""

from __future__ import annotations

import ast
import importlib
import math
import pkgutil
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import harvester
from harvester.handoff.search import snippet
from harvester.handoff.search.segment import SINGLE
from tests.support.figures import FULL, Figures, cases
from tests.support.hostile_text import hostile_texts

ROOT = Path(harvester.__file__).parent
SMALL = 5_000
SIZE = cases(SMALL, 100_000)
LIMIT = 0.1
# Below this no growth can be told; a square takes far more at the small scale.
UNTOLD = 0.01
# So short that only what grows with a power of two, or with the cube, takes longer than that.
SHORT = (20, 1_000)
METHODS = ("search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer")

# Expressions that are put together when they are needed, by the source of their argument: how
# they are used, and examples of them. Every other one is found in its module or is a literal.
_PUT_TOGETHER: dict[str, tuple[str, tuple[str, ...]]] = {
    "_pattern(phrase)": (
        "finditer",
        (
            snippet._pattern(("潮", "水")),  # noqa: SLF001
            snippet._pattern(("abc", "def")),  # noqa: SLF001
        ),
    ),
    "f'[{SINGLE}]'": ("match", (f"[{SINGLE}]",)),
    "f'</{name}'": ("search", ("</noscript",)),  # in a table of its module
}


class Uses(ast.NodeVisitor):
    """What a module does with regular expressions."""

    def __init__(self) -> None:
        self.methods: dict[str, set[str]] = {}
        self.literals: list[tuple[str, str]] = []
        self.unseen: list[str] = []
        self._depth = 0

    def of_others(self) -> set[str]:
        """Return how a pattern may be used that is handed on, or taken out of a table."""
        called = {method for methods in self.methods.values() for method in methods}
        return called - {"split"} or {"search", "match", "fullmatch"}

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Go into a function: what is compiled there is no constant."""
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Refuse `from re import ...`: its uses could not be seen."""
        if node.module in ("re", "regex"):
            self.unseen.append(ast.unparse(node))

    def visit_Import(self, node: ast.Import) -> None:
        """Refuse `import re as ...`."""
        if any(each.name == "regex" or (each.name == "re" and each.asname) for each in node.names):
            self.unseen.append(ast.unparse(node))

    def visit_Call(self, node: ast.Call) -> None:
        """Note a call of `re` itself."""
        self.generic_visit(node)
        called = node.func
        if not isinstance(called, ast.Attribute):
            return
        if isinstance(called.value, ast.Name) and called.value.id == "re":
            self._of_re(called.attr, node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Note which methods of a pattern are called, or handed on."""
        self.generic_visit(node)
        owner: ast.expr = node.value
        while isinstance(owner, ast.Subscript | ast.Attribute):
            owner = owner.value
        if node.attr in METHODS and isinstance(owner, ast.Name) and owner.id != "re":
            self.methods.setdefault(owner.id, set()).add(node.attr)

    def _of_re(self, called: str, node: ast.Call) -> None:
        if called not in (*METHODS, "compile") or (called == "compile" and not self._depth):
            return
        given = node.args[0]
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            self.literals.append((called, given.value))
        elif ast.unparse(given) not in _PUT_TOGETHER:
            self.unseen.append(ast.unparse(node))


def _uses(path: Path) -> Uses:
    uses = Uses()
    uses.visit(ast.parse(path.read_text("utf-8")))
    return uses


def _modules() -> Iterator[ModuleType]:
    yield harvester
    for found in pkgutil.walk_packages(harvester.__path__, "harvester."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _patterns(value: object, seen: set[int]) -> Iterator[re.Pattern[Any]]:
    """Yield the patterns in a value: alone, in a collection, in a class."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for inner in (*value.keys(), *value.values()):
            yield from _patterns(inner, seen)
    elif isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from _patterns(inner, seen)
    elif isinstance(value, type) and value.__module__.startswith("harvester"):
        for inner in vars(value).values():
            yield from _patterns(inner, seen)


def _collected() -> dict[str, tuple[re.Pattern[Any], tuple[str, ...]]]:
    """Return every pattern of the program with the ways in which it is used."""
    found: dict[str, tuple[re.Pattern[Any], tuple[str, ...]]] = {}
    seen: set[int] = set()
    for module in _modules():
        uses = _uses(Path(str(module.__file__)))
        for name, value in vars(module).items():
            for number, pattern in enumerate(_patterns(value, seen)):
                methods = uses.methods.get(name) or uses.of_others()
                found[f"{module.__name__}.{name}-{number}"] = pattern, tuple(sorted(methods))
        for called, literal in uses.literals:
            methods = {"search"} if called == "compile" else {called}
            found[f"{module.__name__}-{literal}"] = re.compile(literal), tuple(methods)
    for source, (method, examples) in _PUT_TOGETHER.items():
        for number, example in enumerate(examples):
            found[f"{source}-{number}"] = re.compile(example), (method,)
    return found


COLLECTED = _collected()


def _applied(pattern: re.Pattern[Any], method: str, text: str) -> Callable[[], object]:
    given: Any = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    if method in ("sub", "subn"):
        empty = given[:0]
        return lambda: pattern.sub(lambda _: empty, given)
    if method == "finditer":
        return lambda: deque(pattern.finditer(given), maxlen=0)
    return lambda: getattr(pattern, method)(given)


def _seconds(action: Callable[[], object]) -> float:
    """Return what it costs this thread alone, whatever else the machine does.

    What takes long is done twice: the first time something else may have been in the way.
    """
    taken = math.inf
    for _ in range(2):
        start = time.thread_time()
        action()
        taken = min(taken, time.thread_time() - start)
        if taken < UNTOLD or taken > 20 * LIMIT:
            break
    return taken


def _tried(
    pattern: re.Pattern[Any], methods: tuple[str, ...], size: int
) -> Iterator[tuple[float, str]]:
    """Yield the time that each way of use takes on each text, and the beginning of the text."""
    for number, text in enumerate(hostile_texts(pattern, size)):
        for method in methods:
            taken = _seconds(_applied(pattern, method, text))
            yield taken, f"{method} {number}: {text[:40]!r}"


def _explodes(pattern: re.Pattern[Any], methods: tuple[str, ...]) -> str | None:
    """Return a short text that takes long: a longer one would take hours."""
    tried = chain.from_iterable(_tried(pattern, methods, size) for size in SHORT)
    return next((text for taken, text in tried if taken > UNTOLD), None)


def _worst(pattern: re.Pattern[Any], methods: tuple[str, ...]) -> tuple[float, str]:
    """Return the longest time, and the beginning of the text that took it."""
    if exploded := _explodes(pattern, methods):
        return math.inf, exploded
    return max(_tried(pattern, methods, SIZE), default=(0.0, ""))


def _growing(pattern: re.Pattern[Any], methods: tuple[str, ...]) -> str | None:
    """Return a text of which four times as much takes far more than four times as long."""
    if exploded := _explodes(pattern, methods):
        return exploded
    long, short = (_tried(pattern, methods, size) for size in (SMALL, SMALL // 4))
    for (after, text), (before, _) in zip(long, short, strict=True):
        if after > UNTOLD and after > 9 * before:
            return text
    return None


@pytest.mark.alone
@pytest.mark.timeout(600)
@pytest.mark.gate("N11", "slow regular expressions")
def test_no_expression_takes_long(figures: Figures) -> None:
    """Each expression on hostile text as long as a large article: its time grows with the text."""
    if FULL:
        worst = {name: _worst(*each) for name, each in COLLECTED.items()}
        slow = {name: text for name, (taken, text) in worst.items() if taken > LIMIT}
        longest, which = max((taken, name) for name, (taken, _) in worst.items())
        figures.at_most(f"longest, 100 kB ({which.rpartition('.')[2]})", longest * 1e3, 100, " ms")
    else:
        tried = {name: _growing(*each) for name, each in COLLECTED.items()}
        slow = {name: text for name, text in tried.items() if text}

    shown = f": {sorted(slow)}" if slow else ""
    figures.none(f"expressions that are slow{shown}", len(slow), of=len(COLLECTED))


@pytest.mark.parametrize(
    "source",
    [r"(?:a+)+b", r"a*[ab]*c", r"<[^>]*x", r"\s+$", r"\[.*\]\(.*\)", r"(x+x+)+y", r"\d+-"],
)
def test_slow_expressions_are_told(source: str) -> None:
    """Expressions known to be slow are found to be so: the measure can fail."""
    assert _growing(re.compile(source), ("search",))


def test_every_expression_is_seen() -> None:
    """No expression is made where the test above does not find it."""
    unseen = {
        path.relative_to(ROOT).as_posix(): found
        for path in ROOT.rglob("*.py")
        if (found := _uses(path).unseen)
    }

    assert unseen == {}
    assert len(COLLECTED) > 80


def test_hidden_expressions_are_missed() -> None:
    """Made in a function, imported by name or under another: all of that is told."""
    hidden = (
        "from re import compile\nimport re as r\nimport regex\n"
        "def f(x):\n    re.compile(x)\n    re.search(f'{x}+', x)\n    re.match('a', x)\n"
    )
    uses = Uses()
    uses.visit(ast.parse(hidden))

    assert len(uses.unseen) == 5
    assert uses.literals == [("match", "a")]
