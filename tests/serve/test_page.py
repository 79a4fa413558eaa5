"""The page: whatever the site and its errors are called, nothing of it acts."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from harvester.serve.page import POLICY, page
from harvester.serve.report import Report

_TEXTS = st.text() | st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><script>", "{style}"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=10,
)
_ELEMENTS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "span",
    "p",
    "table",
    "tbody",
    "tr",
    "th",
    "td",
    "br",
    "a",
}


@given(_TEXTS, _TEXTS, st.dictionaries(_TEXTS, _VALUES, max_size=3))
def test_foreign_text_is_only_text(status: str, reason: str, details: dict[str, object]) -> None:
    """No report brings an element or an attribute of its own."""
    tree = LexborHTMLParser(page(Report(status, reason, alive=True, details=details)))

    assert {node.tag for node in tree.css("*")} <= _ELEMENTS
    assert len(tree.css("style")) == 1
    assert {name for node in tree.css("body *") for name in node.attributes} <= {"class", "href"}


def test_the_policy_allows_the_style_of_the_page() -> None:
    """The style of the document is the one that the policy names."""
    style = LexborHTMLParser(page(Report("ok", "", alive=True, details={}))).css("style")[0]
    digest = base64.b64encode(hashlib.sha256(style.text().encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in POLICY


def test_details_are_tables() -> None:
    """A list of records is a table with a column for each key; missing values are empty."""
    details = {
        "watches": [{"name": "a", "next_look": datetime(2026, 1, 2, tzinfo=UTC)}, {"name": "b"}],
        "queue": {"live": 1, "backfill": None},
        "alarms": ["one", "two"],
    }
    tree = LexborHTMLParser(page(Report("ok", "", alive=True, details=details)))

    watches, queue = tree.css("table table")
    assert [row.text(separator="|").strip("|") for row in watches.css("tr")] == [
        "name|next look",
        "a|2026-01-02 00:00:00+00:00",
        "b",
    ]
    assert [row.text(separator="|") for row in queue.css("tr")] == ["live|1", "backfill"]
    assert "<td>one<br>two</td>" in (tree.html or "")


def test_a_dead_pulse_is_told_first() -> None:
    """The colour and the reason say that it is not well."""
    dead = page(Report("ok", "", alive=False, details={}))

    assert '<span class="unwell">ok</span>' in dead
    assert "<p>the schedule or the database hangs</p>" in dead
