"""Stories made up from a path: one at a time with wishes, or by the thousand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from harvester.model import Era
from harvester.replica.story import SITE_ZONE, Figure, Story
from harvester.replica.texts import Writer

_BULK_SECTIONS = (
    "realtime/china",
    "realtime/world",
    "realtime/singapore",
    "news/china",
    "finance/world",
)
_FIRST_ID, _ID_STEP = 565_946, 90  # the first id of 2016; ten years reach 7 digits


def make(path: str, era: Era, at: str, pictures: int = 0, **changes: Any) -> Story:  # noqa: ANN401
    """Return a story of invented text; `at` is the site's clock, `changes` are fields of it."""
    writer = Writer(path)
    local = datetime.fromisoformat(at).replace(tzinfo=SITE_ZONE)
    story = Story(
        story_id=path.rpartition("-")[2],
        path=path,
        era=era,
        title=writer.title(),
        published=local.astimezone(UTC),
        body=writer.body(),
        author=writer.pick(["", writer.name()]),
        tags=writer.tags(),
        figures=_figures(writer, era, local, pictures),
    )
    return replace(story, **changes)


def bulk(count: int, seed: int, since: date, until: date) -> Iterator[Story]:
    """Yield `count` stories spread evenly over the days given, in the era of their day."""
    start = datetime(since.year, since.month, since.day, tzinfo=SITE_ZONE)
    step = (until - since) / max(1, count)
    for number in range(count):
        at = (start + number * step).replace(second=(number * 7919) % 60, microsecond=0)
        section = _BULK_SECTIONS[number % len(_BULK_SECTIONS)]
        path = f"{section}/story{at:%Y%m%d}-{_FIRST_ID + _ID_STEP * number + seed % _ID_STEP}"
        pictures = int(number % 5 < 2)
        yield make(path, _era_at(at.date()), f"{at:%Y-%m-%dT%H:%M:%S}", pictures)


def _era_at(day: date) -> Era:
    if day < date(2019, 4, 1):
        return Era.SG_2013
    return Era.SG_2019 if day < date(2024, 7, 1) else Era.SG_2024


def _figures(writer: Writer, era: Era, at: datetime, count: int) -> tuple[Figure, ...]:
    return tuple(Figure(_image(writer, era, at), writer.caption()) for _ in range(count))


def _image(writer: Writer, era: Era, at: datetime) -> str:
    name, itok = writer.token(18), writer.token(8)
    styled = "styles/article_large_full/public"
    match era:
        case Era.SG_2024 | Era.HK_2025:
            key = writer.token(64, "0123456789abcdef")
            return f"https://cassette.sphdigital.com.sg/image/zaobao/{key}"
        case Era.SG_2019 | Era.HK_2020 if at.year > 2020:
            version = writer.token(32)
            return (
                f"https://static.zaobao.com/s3fs-public/{styled}/{at:%Y-%m}/{name}.jpg"
                f"?VersionId={version}&itok={itok}"
            )
        case _:
            folder = f"images/{at:%Y%m}/{at:%Y%m%d}"
            files = "https://www.zaobao.com.sg/sites/default/files"
            return f"{files}/{styled}/{folder}/{name}.jpg?itok={itok}"
