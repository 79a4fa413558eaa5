"""The daemon's log: one renderer for structlog, the standard library's logging and warnings.

Lines go to stderr as text (`time level event key=value`) or as one JSON object each. Foreign text
stands in a log line escaped: nothing in it acts on a terminal, begins a line or ends one.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import textwrap
from collections.abc import Mapping
from functools import partial
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from harvester.clock import Clock

_HANDLER = "harvester"
# The scheduler tells of every run of every job, and of each that it leaves out because the one
# before still runs; the server shows a traceback for every malformed request.
_CHATTY = {"apscheduler": logging.ERROR, "aiohttp.server": logging.CRITICAL}
# C0, DEL and C1, the marks that turn the direction of text, line separators, lone surrogates.
_CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_CONTROLS_IN_LINES = re.compile(rf"(?!\n){_CONTROLS.pattern}")
_TRACEBACKS = ("exception", "stack")


def configure(log_format: str, log_level: str, clock: Clock, stream: TextIO | None = None) -> None:
    """Set up all logging of the process; called again, it replaces what it set up before.

    `log_format` is `text` or `json`, `log_level` a level's name in lower case; `stream` is stderr
    unless told otherwise. Loggers that are in use follow.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        partial(_stamp, clock),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    level = logging.getLevelNamesMapping()[log_level.upper()]
    _replace_handler(_handler(log_format, shared, stream or sys.stderr), level)
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(max(level, least))
    logging.captureWarnings(capture=True)


def _handler(log_format: str, shared: list[Processor], stream: TextIO) -> logging.Handler:
    renderer = _as_json() if log_format == "json" else _as_text()
    handler = logging.StreamHandler(stream)
    handler.set_name(_HANDLER)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _harmless_event,
                renderer,
            ],
        )
    )
    return handler


def _replace_handler(handler: logging.Handler, level: int) -> None:
    root = logging.getLogger()
    for old in [one for one in root.handlers if one.get_name() == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)


def _as_json() -> Processor:
    return structlog.processors.JSONRenderer(json.dumps, ensure_ascii=False)


def _as_text() -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=False,
        sort_keys=False,
        pad_event_to=0,
        pad_level=False,
        exception_formatter=structlog.dev.plain_traceback,
    )


def _stamp(clock: Clock, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _harmless_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape foreign text. Tracebacks keep their lines, indented: none passes for a log line."""
    return {
        key: _harmless_lines(str(value)) if key in _TRACEBACKS else _harmless(value)
        for key, value in event.items()
    }


def _harmless(value: object) -> object:
    match value:
        case str():
            return _CONTROLS.sub(_escaped, value.strip())
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {str(_harmless(str(key))): _harmless(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_harmless(inner) for inner in value]
        case _:
            return _harmless(str(value))


def _harmless_lines(text: str) -> str:
    return textwrap.indent(_CONTROLS_IN_LINES.sub(_escaped, text), "  ")


def _escaped(control: re.Match[str]) -> str:
    return control[0].encode("unicode_escape").decode("ascii")
