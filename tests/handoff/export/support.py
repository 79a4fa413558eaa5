"""Records as hostile as real ones, an archive that holds some, and exported files read back."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyarrow import parquet

from harvester.drafts import draft_of_page
from harvester.handoff.export import Format
from harvester.handoff.export.fields import FIELDS, Kind
from harvester.handoff.record import Record
from harvester.model import Access, Article, Draft, Era, Instant, Visit, VisitState
from harvester.store import stamp
from tests.store.support import NOON, StillClock, open_store

Row = dict[str, Any]

TITLES = (
    '王毅说"好" 与 \\ 布林肯',
    "=cmd|' /C calc'!A0",
    "+1 -2 @3",
    "-降息",
    "@总理",
    "国会😀 辩论",
    "  双  空\u00a0格\u3000留  ",
    "逗号, 分号; \x85 '单' 引号",
    "{{ liquid }} {% raw %} <b>&amp;</b>",
    "\u202e左\u200b 右 \U00020000",
    "'",
    '"',
)
BLOCKS = ("新加坡国会星期一复会。", "=SUM(A1) 与 “引号”, 逗号", "G20 峰会 <3 & 更多 😀")


def record(**changes: Any) -> Record:  # noqa: ANN401 - as many types as fields
    """Return a story as it is handed over, with changes."""
    usual = Record(
        story_id="1209230",
        url="https://www.zaobao.com.sg/realtime/china/story20211101-1209230",
        title=TITLES[0],
        published=NOON,
        published_source="json-ld",
        section="realtime/china",
        author="联合早报",
        tags=("中国", 'a "b", c'),
        access=Access.FULL,
        era=Era.SG_2019,
        content_hash="v1:0",
        path="2021/11/2021-11-01-a.md",
        sha256="0" * 64,
        revision=1,
        seq=1,
        first_seen=NOON,
        updated_at=NOON,
        gone_at=None,
        text="\n\n".join(BLOCKS),
        html="".join(f"<p>{block}</p>" for block in BLOCKS),
    )
    return replace(usual, **changes)


def draft(
    number: int,
    title: str,
    *blocks: str,
    section: str = "realtime/china",
    access: Access = Access.FULL,
    at: datetime = NOON,
) -> Draft:
    """Return a story ready to be stored, with a real post."""
    blocks = blocks or (f"第{number}篇。", *BLOCKS)
    article = Article(
        story_id=str(number),
        url=f"https://www.zaobao.com.sg/{section}/story{at:%Y%m%d}-{number}",
        section=section,
        title=title,
        published=Instant(at, "json-ld"),
        body="".join(f"<p>{_escaped(block)}</p>" for block in blocks),
        blocks=blocks,
        era=Era.SG_2024,
        access=access,
        author="=记者\t甲",
        tags=("中国", 'a "b", c'),
    )
    return draft_of_page(article, at)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


async def fill(root: Path) -> None:
    """Make an archive: hostile titles, sections, a preview, a revised and a gone story."""
    async with open_store(root, clock := StillClock()) as archive:
        for number, title in enumerate(TITLES, 1_000_001):
            at = NOON + timedelta(days=number % 3)
            await archive.put(draft(number, title, at=at))
        await archive.put(draft(2_000_001, "别处", section="news/world"))
        await archive.put(draft(2_000_002, "只有一段", access=Access.PREVIEW))
        clock.at += timedelta(days=5)
        await archive.put(
            draft(2_000_001, "别处 更新", "换了文字。", section="news/world", at=clock.at)
        )
        gone = draft(1_000_002, "").article.url
        await archive.bury(Visit("1000002", gone, VisitState.REJECTED, clock.at, "missing"))


def read_jsonl(path: Path) -> list[Row]:
    """Return the rows of JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def read_csv(path: Path) -> list[Row]:
    """Return the rows of a CSV file; every field but texts gets its type back."""
    text = path.read_bytes().decode("utf-8")
    return [
        {field.name: _FROM_CELL[field.kind](row[field.name]) for field in FIELDS}
        | {field.name: row[field.name] or None for field in FIELDS if field.optional}
        for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)
    ]


def read_parquet(path: Path) -> list[Row]:
    """Return the rows of a Parquet file; instants as texts."""
    with parquet.ParquetFile(path) as file:
        rows: list[Row] = file.read().to_pylist()
    return [
        {
            name: stamp(value) if isinstance(value, datetime) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def read_sqlite(path: Path) -> list[Row]:
    """Return the rows of a snapshot in the order they were put there."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM articles ORDER BY rowid").fetchall()
    return [dict(row) | {"tags": json.loads(row["tags"])} for row in rows]


READ: Mapping[Format, Callable[[Path], list[Row]]] = {
    Format.JSONL: read_jsonl,
    Format.CSV: read_csv,
    Format.PARQUET: read_parquet,
    Format.SQLITE: read_sqlite,
}
_FROM_CELL: Mapping[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.WORD: str,
    Kind.COUNT: int,
    Kind.NUMBER: int,
    Kind.INSTANT: str,
    Kind.TEXTS: json.loads,
}
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
