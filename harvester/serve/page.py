"""The status page: one HTML document without scripts, made from a report."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from harvester.serve.report import Report

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}th,td{text-align:left;vertical-align:top;"
    "padding:.15rem 1rem .15rem 0}.well{color:#176b2c}.unwell{color:#a11}"
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy: this page's own style and nothing else."""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="30">
<meta name="viewport" content="width=device-width">
<title>harvester: {status}</title>
<style>{style}</style>
</head>
<body>
<h1>harvester: <span class="{mood}">{status}</span></h1>
<p>{reason}</p>
{details}
<p><a href="/api/status">status as JSON</a> · <a href="/metrics">metrics</a> ·
<a href="/healthz">health</a></p>
</body>
</html>
"""


def page(report: Report) -> str:
    """Return the document; all text in it is escaped."""
    return _PAGE.format(
        style=_STYLE,
        status=escape(report.status),
        mood="well" if report.well else "unwell",
        reason=escape(report.why),
        details=_shown(report.details),
    )


def _shown(value: object) -> str:
    match value:
        case Mapping():
            rows = (f"<tr><th>{_name(k)}</th><td>{_shown(v)}</td></tr>" for k, v in value.items())
            return f"<table>{''.join(rows)}</table>"
        case str():
            return escape(value)
        case Sequence() if value and all(isinstance(one, Mapping) for one in value):
            return _grid(value)
        case Sequence():
            return "<br>".join(_shown(one) for one in value)
        case datetime():
            return escape(value.isoformat(" ", "seconds"))
        case _:
            return "" if value is None else escape(str(value))


def _grid(rows: Sequence[Mapping[str, object]]) -> str:
    """Return a table with a column for each key of the first row."""
    names = tuple(rows[0])
    head = "".join(f"<th>{_name(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{_shown(row.get(name))}</td>' for name in names)}</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _name(key: object) -> str:
    return escape(str(key).replace("_", " "))
