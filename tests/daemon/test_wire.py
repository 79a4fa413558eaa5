"""Lines between a command and the daemon: everything comes back as it was, nothing else is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester import errors
from harvester.cli.codes import exit_code
from harvester.daemon import wire
from harvester.errors import BadPost, HarvesterError, HostUnreachable, SiteUnreachable, UsageError
from harvester.model import BodyMode, Counts, Decision, Scope, Stored, Verdict
from harvester.runs import FetchOrder, ImportOrder, Order, Outcome, Source

# Arguments of a command may hold bytes that are no text: lone surrogates in a str.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
NUMBERS = st.integers(0, 10**9)
SECONDS = st.floats(allow_nan=False)
PATHS = TEXTS.map(Path)
DAYS = st.none() | st.dates()
MODES = st.none() | st.sampled_from(BodyMode)
LISTS = st.lists(TEXTS, max_size=4).map(tuple)
DECISIONS = st.builds(Decision, st.sampled_from(Verdict), TEXTS, st.booleans())
ORDERS = st.builds(
    Order,
    st.sampled_from(Source),
    st.builds(Scope, DAYS, DAYS, LISTS),
    st.none() | NUMBERS,
    LISTS,
    MODES,
)
JOBS = (
    ORDERS
    | st.builds(FetchOrder, LISTS, MODES)
    | st.builds(ImportOrder, st.lists(PATHS, max_size=4).map(tuple))
)
COUNTS = st.builds(Counts, st.dictionaries(st.sampled_from(Verdict), NUMBERS), SECONDS)
EVENTS = (
    st.builds(wire.Queued, NUMBERS)
    | st.builds(wire.Missed, NUMBERS)
    | st.builds(wire.Adopting, NUMBERS)
    | st.builds(wire.Discovering, NUMBERS, NUMBERS, NUMBERS)
    | st.builds(wire.Planned, NUMBERS)
    | st.builds(wire.Waiting, TEXTS, SECONDS, TEXTS)
    | st.builds(wire.Ended, TEXTS, DECISIONS)
    | st.builds(
        wire.Imported,
        PATHS,
        DECISIONS,
        st.none() | st.builds(Stored, TEXTS, DECISIONS, st.none() | TEXTS),
    )
)
OTHERS = (
    st.builds(wire.Hello, NUMBERS, PATHS, st.none() | TEXTS)
    | st.builds(wire.Part, LISTS)
    | st.just(wire.Stop())
    | st.builds(wire.Failure, TEXTS, TEXTS)
    | st.builds(Outcome, COUNTS, LISTS, st.booleans())
)
MESSAGES: st.SearchStrategy[Any] = JOBS | EVENTS | OTHERS
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]
ERRORS = [kind for kind in KINDS if issubclass(kind, HarvesterError)]


@given(MESSAGES)
def test_what_is_sent_arrives(message: wire.Message) -> None:
    """Every message, encoded and decoded, is the same; its line is one line of plain ASCII."""
    line = wire.encode(message)

    assert message == wire.decode(line)
    assert line.isascii()
    assert line.index(b"\n") == len(line) - 1


@given(JOBS)
def test_jobs_arrive(job: Order | FetchOrder | ImportOrder) -> None:
    """A job is the same after its lists went ahead in parts."""
    assert job == joined(wire.job_lines(job))


def test_long_lists() -> None:
    """A list of any ordinary length is cut into lines that are short enough."""
    urls = tuple(f"https://www.zaobao.com.sg/realtime/story2021-{n} 新闻" for n in range(100_000))

    lines = wire.job_lines(FetchOrder(urls))

    assert joined(lines) == FetchOrder(urls)
    assert max(map(len, lines)) <= wire.LINE_MAX
    assert len(lines) <= wire.PARTS_MAX + 1


@pytest.mark.parametrize("urls", [("x" * wire.LINE_MAX,), ("x" * 500_000,) * 300])
def test_too_long_lists(urls: tuple[str, ...]) -> None:
    """A list that no daemon would read is refused before anything is sent."""
    with pytest.raises(UsageError, match="list"):
        wire.job_lines(FetchOrder(urls))


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_arrive(kind: type[HarvesterError]) -> None:
    """An error arrives as one of its class, with its text and so its exit code."""
    sent = kind.__new__(kind, "somewhere: 出了问题")
    arrived = wire.decode(wire.encode(wire.Failure.of(sent)))

    assert isinstance(arrived, wire.Failure)
    error = arrived.as_error()
    assert (kind, str(sent), exit_code(sent)) == (type(error), str(error), exit_code(error))


@pytest.mark.parametrize(
    "halted",
    [
        SiteUnreachable("the sitemap cannot be read"),
        HostUnreachable("https://www.zaobao.com.sg/x", "refused"),
        BadPost(3, "no title", Path("a.md")),
    ],
)
def test_why_a_job_halted_arrives(halted: HarvesterError) -> None:
    """The error in an outcome keeps its class and its text, which names what it is about."""
    arrived = wire.decode(wire.encode(Outcome(Counts(), halted=halted)))

    assert isinstance(arrived, Outcome)
    assert (type(arrived.halted), str(arrived.halted)) == (type(halted), str(halted))


def test_defects_arrive_as_such() -> None:
    """What is none of the program's errors, or of a class unknown here, is a plain error."""
    assert "KeyError('x')" in str(wire.Failure.of(KeyError("x")).as_error())
    assert type(wire.Failure("SystemExit", "x").as_error()) is HarvesterError


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "Expecting value"),
        (b"\n", "Expecting value"),
        (b"\xff\xfe\x00", "decode"),
        (b"GET / HTTP/1.1\r\n", "Expecting value"),
        (b"[" * 200_000, "nested too deeply"),
        (b"[]", "an object is needed"),
        (b"{}", "unknown kind None"),
        (b'{"kind":["stop"]}', "unknown kind"),
        (b'{"kind":"shout"}', "unknown kind 'shout'"),
        (b'{"kind":"stop","now":true}', "stop: unknown fields now"),
        (b'{"kind":"fetch"}', "fetch: urls is missing"),
        (b'{"kind":"fetch","urls":"x"}', "fetch.urls: list is needed, not str"),
        (b'{"kind":"fetch","urls":[1]}', "fetch.urls: str is needed, not int"),
        (b'{"kind":"backfill","source":"rss"}', "backfill.source: 'rss'"),
        (b'{"kind":"backfill","limit":true}', "backfill.limit: int is needed, not bool"),
        (b'{"kind":"backfill","limit":1.0}', "backfill.limit: int is needed, not float"),
        (b'{"kind":"backfill","scope":{"since":"2021-02-30"}}', "backfill.scope.since: day"),
        (b'{"kind":"backfill","scope":{"days":7}}', "backfill.scope: unknown fields days"),
        (b'{"kind":"waiting","host":"h","seconds":1' + b"0" * 400 + b',"why":""}', "too large"),
        (b'{"kind":"hello","pid":1,"seeds":"x","protocol":9,"more":0}', "protocol 9 is spoken"),
    ],
)
def test_what_cannot_be_read(line: bytes, words: str) -> None:
    """Anything else is refused with the place and the problem."""
    with pytest.raises(ValueError, match=words):
        wire.decode(line)


@given(st.binary() | JSON.map(json.dumps).map(str.encode))
def test_anything_is_read_or_refused(line: bytes) -> None:
    """No line does more than be refused."""
    read_or_refused(line)


@given(MESSAGES, st.data())
def test_almost_a_message_is_read_or_refused(message: wire.Message, data: st.DataObject) -> None:
    """A message with another value in one place is read or refused."""
    written = json.loads(wire.encode(message))
    written[data.draw(st.sampled_from(sorted(written)))] = data.draw(JSON)

    read_or_refused(json.dumps(written).encode())


def read_or_refused(line: bytes) -> None:
    """Decode a line; what is read must be a message that can be sent."""
    try:
        message = wire.decode(line)
    except ValueError:
        return
    wire.encode(message)


def joined(lines: list[bytes]) -> wire.Message:
    """Return the job of these lines."""
    *parts, job = map(wire.decode, lines)
    values: list[str] = []
    for part in parts:
        assert isinstance(part, wire.Part)
        values += part.values
    assert isinstance(job, Order | FetchOrder | ImportOrder)
    return wire.with_listed(job, tuple(values))
