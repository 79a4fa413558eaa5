"""Moments as the site writes them. Its clock is UTC+8 wherever no zone is given."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from harvester.zaobao.urls import SINGAPORE

_ISO = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:(T)|\s+)(\d{1,2}):(\d\d)(?::(\d\d))?(?:\.\d+)?"
    r"(?:(?:\s*([AaPp]\.?[Mm]|Z|z|SGT|(?:UTC|GMT)[+\-\u2212]\d\d?(?::?\d\d)?|UTC|GMT"
    r"|\+\d\d:?\d\d)|([+\-\u2212]\d\d?(?::?\d\d)?)|\s+([\-\u2212]\d\d:?\d\d))(?![a-zA-Z\d:]))?"
)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?")
# The year comes last only in JSON-LD of 2019 to 2024, with the month first.
_AMERICAN = re.compile(r"(\d\d)/(\d\d)/(\d{4})\s*-\s*(\d\d):(\d\d)(?::(\d\d))?")
_CHINESE = re.compile(
    r"(\d{4})年\s*(\d{1,2})月\s*(\d{1,2})日\s*+(?:星期.\s*+)?+(上午|下午|中午|凌晨|早上|晚上)?+\s*+"
    r"(\d{1,2})[:：](\d\d)(?:[:：](\d\d))?\s*([AaPp]\.?[Mm])?"
)
_CHINESE_DAY = re.compile(r"(\d{4})年\s*(\d{1,2})月\s*(\d{1,2})日")
_UNIX = re.compile(r"\s*([1-9]\d{9})(\d{3})?\s*")
_AFTERNOON = frozenset({"pm", "下午", "中午", "晚上"})
_YEARS = range(1990, 2101)
_MORNING = frozenset({"am", "上午", "凌晨", "早上"})
_HALVES = frozenset({"am", "pm"})
_NAMED = {"Z": "+0", "z": "+0", "UTC": "+0", "GMT": "+0", "SGT": "+8"}


def parse_instant(value: object) -> datetime | None:
    """Return the moment that a value names, as aware UTC, or None.

    Knows RFC 3339 with and without zone (also `UTC`, `GMT`, `SGT` or hours alone as `+08`),
    `MM/DD/YYYY - HH:MM`, `2021年1月22日 3:33 PM`, and seconds or milliseconds since 1970 (as text
    or number). A day without a time is no moment, nor are ten zeros.
    """
    text = _as_text(value)
    if unix := _UNIX.fullmatch(text):
        return datetime.fromtimestamp(int(unix[1]), UTC)
    if iso := _ISO.search(text):
        half = (iso[8] or "").lower().replace(".", "")
        zone = None if half in _HALVES else _zone(iso)
        hour = _hour(int(iso[5]), half)
        return _instant(iso[1], iso[2], iso[3], hour, iso[6], iso[7], zone=zone)
    if us := _AMERICAN.search(text):
        return _instant(us[3], us[1], us[2], us[4], us[5], us[6])
    if cn := _CHINESE.search(text):
        hour = _hour(int(cn[5]), (cn[8] or cn[4] or "").lower().replace(".", ""))
        return _instant(cn[1], cn[2], cn[3], hour, cn[6], cn[7])
    return None


def _zone(iso: re.Match[str]) -> str | None:
    """Return the zone of a moment, or None.

    Behind a time for readers, without seconds or a T, hours alone or a minus are a counter or the
    end of a range (`10:00-11:00`).
    """
    exact = iso[4] or iso[7]
    return iso[8] or ((iso[9] or iso[10]) if exact else None)


def _as_text(value: object) -> str:
    """Return what a page states as text; "" for what states no moment."""
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) else ""
    stated = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value)[:200] if stated else ""


def parse_day(text: str) -> datetime | None:
    """Return the first moment (UTC+8) of a day written `2017年3月03日`, or None."""
    match = _CHINESE_DAY.search(text[:200])
    return _instant(match[1], match[2], match[3], 0, 0, 0) if match else None


def _hour(hour: int, half: str) -> int:
    if half in _AFTERNOON and hour < 12:
        return hour if half == "中午" and hour == 11 else hour + 12
    if half in _MORNING and hour == 12:
        return 0
    return hour


def _instant(*fields: str | int | None, zone: str | None = None) -> datetime | None:
    numbers = [int(field or 0) for field in fields]
    if numbers[0] not in _YEARS:
        return None
    try:
        local = datetime(*numbers, tzinfo=SINGAPORE)  # type: ignore[arg-type,misc]
        if zone:
            local = local.replace(tzinfo=_tzinfo(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _tzinfo(zone: str) -> tzinfo | None:
    """Return the zone that is written so. Raises `ValueError` for what is none."""
    written = _OFFSET.fullmatch(_NAMED.get(zone, zone).replace("\N{MINUS SIGN}", "-"))
    offset = f"{written[1]}{written[2]:>02}{written[3] or '00'}" if written else zone
    return datetime.strptime(offset, "%z").tzinfo
