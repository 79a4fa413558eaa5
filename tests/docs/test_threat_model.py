"""docs/threat-model.md names every threat, and tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
THREATS = [
    *(f"N{n}" for n in range(1, 13)),
    *(f"C{n}" for n in range(1, 8)),
    *(f"A{n}" for n in range(1, 6)),
    *(f"M{n}" for n in range(1, 15)),
    "M8b",
]
UNTESTED = {"C7"}


def sections() -> dict[str, str]:
    """Return what stands under each threat."""
    parts = re.split(r"^\*\*([NCAM]\d+b?) ", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def gates(path: Path) -> set[str]:
    """Return the threats of the gates in a file of tests."""
    marks = filter(_is_gate, ast.walk(ast.parse(path.read_text("utf-8"))))
    return {threat for mark in marks for threat in ast.literal_eval(mark.args[0]).split()}


def _is_gate(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.gate"


def test_every_threat_has_its_tests() -> None:
    """No threat is left out, and each but those that cannot be tested names a test."""
    assert list(sections()) == sorted(THREATS, key=list(sections()).index)
    assert set(sections()) == set(THREATS)
    assert [name for name, text in sections().items() if "`tests/" not in text] == sorted(UNTESTED)


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_what_is_named_is_there(path: str, name: str) -> None:
    """A test that is named can be run."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    names = {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not name or name in names


def test_every_gate_stands_in_the_model() -> None:
    """A gate's file is named there, and every threat that can be measured has a gate."""
    found = {path: gates(path) for path in sorted((ROOT / "tests").rglob("test_*.py"))}
    named = dict(NAMED)

    unnamed = [path.name for path, has in found.items() if has and _short(path) not in named]
    assert unnamed == []
    assert set(THREATS) - set().union(*found.values()) == UNTESTED | {"M8b"}


def _short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()
