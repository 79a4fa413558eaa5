"""The log: one form for all that speaks, and nothing foreign in it that acts."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NoReturn

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from harvester.daemon.logs import configure

AT = datetime(2026, 11, 21, 11, 12, 13, 456789, UTC)
STAMP = "2026-11-21T11:12:13.456Z"
# What a terminal would act on, or an editor would show in another order than it stands.
ACTIVE = [
    *map(chr, (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0))),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069",
]


class Stopped:
    """A clock that stands."""

    def now(self) -> datetime:
        """Return always the same."""
        return AT

    def monotonic(self) -> float:
        """Return always the same."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Do not wait."""


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Leave the process's logging as it was before."""
    root = logging.getLogger()
    level, handlers = root.level, [*root.handlers]
    yield
    logging.captureWarnings(capture=False)
    for handler in [one for one in root.handlers if one not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)
    logging.getLogger("apscheduler").setLevel(logging.NOTSET)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


def _configured(log_format: str, log_level: str = "info") -> io.StringIO:
    root, stream = logging.getLogger(), io.StringIO()
    # pytest's own handlers would carry raw text, lone surrogates too, into its report.
    for handler in [one for one in root.handlers if one.get_name() is None]:
        root.removeHandler(handler)
    configure(log_format, log_level, Stopped(), stream)
    return stream


def _objects(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def _fail(text: str) -> NoReturn:
    raise ValueError(text)


def test_a_line_of_text() -> None:
    """Time by the clock handed in, level, event, then key=value; quoted where it is needed."""
    stream = _configured("text")

    structlog.get_logger("harvester.x").info("story ended", verdict="new", title="联合 早报", n=3)

    assert stream.getvalue() == (
        f"{STAMP} [info] story ended [harvester.x] verdict=new title='联合 早报' n=3\n"
    )


def test_an_object_a_line() -> None:
    """JSON keeps Chinese readable, numbers as numbers and nested values."""
    stream = _configured("json")

    structlog.get_logger("harvester.x").warning("早报", n=3, at=AT, of={"a": [1, None]}, ok=True)

    assert "早报" in stream.getvalue()
    assert _objects(stream) == [
        {
            "event": "早报",
            "level": "warning",
            "logger": "harvester.x",
            "timestamp": STAMP,
            "n": 3,
            "at": str(AT),
            "of": {"a": [1, None]},
            "ok": True,
        }
    ]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_standard_library_speaks_the_same(log_format: str) -> None:
    """Libraries that log with `logging` come out in the same form, bound words included."""
    stream = _configured(log_format)
    structlog.contextvars.bind_contextvars(lane="live")

    logging.getLogger("library").warning("lost %d of %s", 2, "x")
    structlog.get_logger("library").warning("lost 2 of x")

    first, second = stream.getvalue().splitlines()
    assert first == second
    assert "lane" in first


def test_warnings_are_logged() -> None:
    """A warning of a library is a line of the log, not loose text on stderr."""
    stream = _configured("json")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # `catch_warnings` has put back what shows them.
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("soon gone", FutureWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    (line,) = _objects(stream)
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "FutureWarning: soon gone" in str(line["event"])


def test_levels() -> None:
    """What lies below the level is not logged, whoever says it."""
    stream = _configured("json", "warning")
    log = structlog.get_logger("a")

    log.info("no")
    logging.getLogger("b").info("no")
    log.error("yes")
    logging.getLogger("b").error("yes")

    assert [line["event"] for line in _objects(stream)] == ["yes", "yes"]


def test_the_schedule_does_not_chatter() -> None:
    """The scheduler's own lines on every tick are left out, its errors are not."""
    stream = _configured("json", "debug")

    logging.getLogger("apscheduler.executors.default").info("Running job")
    logging.getLogger("apscheduler.scheduler").warning("skipped")
    logging.getLogger("apscheduler.scheduler").error("broken")

    assert [line["event"] for line in _objects(stream)] == ["broken"]


def test_a_reload_takes_effect_on_loggers_in_use() -> None:
    """Configured again, form and level are new at once, and no line comes twice."""
    before = _configured("text", "info")
    log = structlog.get_logger("a").bind(lane="live")
    log.debug("no")
    log.info("first")

    after = _configured("json", "debug")
    log.debug("second")

    assert before.getvalue().count("\n") == 1
    assert [(line["event"], line["lane"]) for line in _objects(after)] == [("second", "live")]


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("library", [True, False])
def test_an_exception_has_its_traceback(log_format: str, library: bool) -> None:
    """A caught bug is logged whole; its lines are indented, so that none passes for a log line."""
    stream = _configured(log_format)
    log = logging.getLogger("a") if library else structlog.get_logger("a")
    try:
        _fail(f"\x1b[2J\n{STAMP} [info] all is well")
    except ValueError:
        log.exception("failed")

    text = stream.getvalue()
    shown = (
        text.partition("\n")[2] if log_format == "text" else str(_objects(stream)[0]["exception"])
    )
    assert shown.startswith("  Traceback (most recent call last):\n")
    assert f"  ValueError: \\x1b[2J\n  {STAMP} [info] all is well" in shown
    assert all(line.startswith("  ") for line in shown.splitlines())
    assert "\x1b" not in text


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_foreign_acts(log_format: str) -> None:
    """Control characters in event, values, nested values and messages of others are escaped."""
    foreign = "".join(ACTIVE) + "\n\t\ud800"
    stream = _configured(log_format)

    structlog.get_logger("a").info(
        foreign, title=foreign, of=[{foreign: foreign}], error=OSError(foreign)
    )
    logging.getLogger("a").warning("%s", foreign)

    assert not set(ACTIVE) & set(stream.getvalue())
    assert len(stream.getvalue().splitlines()) == 2
    assert r"\x1b" in stream.getvalue()
    stream.getvalue().encode()


@given(st.text())
def test_every_text_stays_in_its_line(text: str) -> None:
    """Whatever a page calls itself, it is one line, and JSON that can be read back."""
    as_text, as_json = io.StringIO(), io.StringIO()
    for log_format, stream in (("text", as_text), ("json", as_json)):
        configure(log_format, "info", Stopped(), stream)
        structlog.get_logger("a").info("read", title=text)

    assert as_text.getvalue().count("\n") == as_json.getvalue().count("\n") == 1
    assert isinstance(json.loads(as_json.getvalue())["title"], str)
    assert "\x1b" not in as_text.getvalue() + as_json.getvalue()
