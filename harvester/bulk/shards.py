"""What was found in one file, as a Parquet file: from the worker that read it to the merge.

Written under another name and renamed, so that a shard that is there is whole; named after all that
it depends on, so that one that is there need not be made again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from harvester.bulk.reading import Job, Located, chunks, read
from harvester.findings import Finding
from harvester.model import (
    Access,
    Article,
    Decision,
    Draft,
    Era,
    Instant,
    Page,
    Place,
    Verdict,
)
from harvester.parser import parser_version
from harvester.zaobao import story_ref

_BATCH = 200
_TEXT = pa.string()
_INSTANT = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("url", _TEXT),
        ("status", pa.int16()),
        ("seen_at", _INSTANT),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("verdict", _TEXT),
        ("reason", _TEXT),
        ("title", _TEXT),
        ("published", _INSTANT),
        ("published_source", _TEXT),
        ("landed", _TEXT),
        ("era", _TEXT),
        ("access", _TEXT),
        ("author", _TEXT),
        ("tags", pa.list_(_TEXT)),
        ("content_hash", _TEXT),
        ("post", pa.binary()),
        ("name", _TEXT),
        ("reserve", _TEXT),
    ]
)


@dataclass(frozen=True, slots=True)
class Shard:
    """What one file came to: where it lies, how many findings it has, and why it ends early."""

    path: str
    findings: int
    problem: str = ""


def make_shard(job: Job, folder: str) -> Shard:
    """Read a file and write what it says; return the shard that is there already, if one is."""
    path = Path(folder) / f"{_key(job)}.parquet"
    with suppress(FileNotFoundError, pa.ArrowInvalid):  # a power failure may have left it empty
        return _known(path)
    temporary = path.with_suffix(f".{uuid4().hex}.tmp")
    with pq.ParquetWriter(temporary, _SCHEMA, compression="zstd") as writer:
        for found, problem in chunks(read(job), _BATCH):
            writer.write_batch(pa.RecordBatch.from_pylist([_row(each) for each in found], _SCHEMA))
            writer.add_key_value_metadata({"problem": problem})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())  # a name that outlives a power failure must not outlive its bytes
    temporary.replace(path)
    return _known(path)


def read_shard(shard: Shard, job: Job) -> Iterator[Located]:
    """Yield what a shard says, in the order of its file; nothing where none could be made."""
    if not shard.path:
        return
    with pq.ParquetFile(shard.path) as file:
        for batch in file.iter_batches(_BATCH):
            for row in batch.to_pylist():
                yield _located(row, job)


def drop(shard: Shard) -> None:
    """Delete a shard that was merged."""
    if shard.path:
        Path(shard.path).unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Delete what is left when all is merged: of workers that died, of runs that were given up."""
    for path in folder.iterdir():
        path.unlink(missing_ok=True)


def _known(path: Path) -> Shard:
    meta = pq.read_metadata(path)
    problem = (meta.metadata or {}).get(b"problem", b"").decode()
    return Shard(str(path), meta.num_rows, problem)


def _key(job: Job) -> str:
    told = json.dumps([asdict(job), parser_version()], default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _row(located: Located) -> dict[str, Any]:
    finding, place = located.finding, located.place
    if place is None:
        raise ValueError(f"{finding.ref.url}: a page that lies in no file")
    page, decision = finding.page, finding.decision
    row: dict[str, Any] = {
        "url": finding.ref.url,
        "status": page.status,
        "seen_at": page.fetched_at,
        "offset": place.offset,
        "length": place.length,
    }
    if decision:
        return row | {"verdict": decision.verdict.value, "reason": decision.reason}
    return row | (_text(finding.draft) if finding.draft else {})


def _text(draft: Draft) -> dict[str, Any]:
    article = draft.article
    return {
        "title": article.title,
        "published": article.published.at,
        "published_source": article.published.source,
        "landed": article.url,
        "era": article.era.value,
        "access": article.access.value,
        "author": article.author,
        "tags": list(article.tags),
        "content_hash": draft.content_hash,
        "post": draft.data,
        "name": draft.name,
        "reserve": draft.reserve,
    }


def _located(row: dict[str, Any], job: Job) -> Located:
    ref = story_ref(row["url"])
    page = Page(ref.url, ref.url, row["status"], b"", row["seen_at"])
    place = Place(job.file.name, row["offset"], row["length"])
    if row["verdict"]:
        decision = Decision(Verdict(row["verdict"]), row["reason"])
        return Located(Finding(ref, page, decision=decision), place)
    return Located(Finding(ref, page, _draft(row)), place)


def _draft(row: dict[str, Any]) -> Draft:
    """Return a draft; the body is in its post, and nobody asks for the article's own any more."""
    landed = story_ref(row["landed"])
    article = Article(
        story_id=landed.story_id,
        url=landed.url,
        section=landed.section,
        title=row["title"],
        published=Instant(row["published"], row["published_source"]),
        body="",
        blocks=(),
        era=Era(row["era"]),
        access=Access(row["access"]),
        author=row["author"],
        tags=tuple(row["tags"]),
    )
    return Draft(
        article, row["content_hash"], row["post"], row["name"], row["reserve"], row["seen_at"]
    )
