"""For how long the site calls an answer fresh (RFC 9111, 4.2). Pure: fields in, seconds out."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from harvester.fetch.fields import parse_seconds, seconds_until

if TYPE_CHECKING:
    from multidict import MultiMapping

LONGEST: Final = 24 * 3600.0

# name, name=token or name="text"; a comma inside of quotes ends nothing.
_DIRECTIVE: Final = re.compile(r'([^\s,;="]+)(?:=(?:"([^"]*)"|([^\s,;"]*)))?')


def max_age(headers: MultiMapping[str], now: datetime) -> float | None:
    """Return the seconds for which an answer just received stays fresh, 0 to a day.

    None if the site does not say. What it says and cannot be read means stale, as RFC 9111 asks
    (4.2.1, 5.3).
    """
    lifetime = _lifetime(headers, now)
    if lifetime is None:
        return None
    age = parse_seconds(headers.get("Age", "")) or 0.0
    # The cap comes first: an infinite lifetime less an infinite age would be no number.
    return max(min(lifetime, LONGEST) - age, 0.0)


def _lifetime(headers: MultiMapping[str], now: datetime) -> float | None:
    """Return the seconds from the answer's making on; `max-age` overrides `Expires`."""
    said = _directives(headers)
    if said.keys() & {"no-store", "no-cache"}:
        return 0.0
    if "max-age" in said:
        return parse_seconds(said["max-age"]) or 0.0
    if (expires := headers.get("Expires")) is None:
        return None
    end = seconds_until(expires, now)
    made = seconds_until(headers.get("Date", ""), now) or 0.0
    return 0.0 if end is None else end - made


def _directives(headers: MultiMapping[str]) -> dict[str, str]:
    """Return what Cache-Control says; of a directive that is repeated, the first."""
    text = ",".join(headers.getall("Cache-Control", ()))
    found = [(name.lower(), quoted or plain) for name, quoted, plain in _DIRECTIVE.findall(text)]
    return dict(reversed(found))
