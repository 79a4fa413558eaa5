"""WARC files as other programs write them, of pages of the replica."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastwarc import WarcRecord, WarcRecordType

from harvester.drafts import draft_of_page, normalise
from harvester.replica import Site, Story
from harvester.replica.pages import charset, render
from tests.support.codings import packed

ENDINGS = {"": ".warc", "gzip": ".warc.gz", "zstd": ".warc.zst"}
SEEN = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Shot:
    """A page as it was captured."""

    url: str
    body: bytes
    at: datetime = SEEN
    charset: str | None = "utf-8"

    @property
    def post(self) -> bytes:
        """Return the post that it becomes."""
        return draft_of_page(normalise(self.body, self.url), self.at).data


def shot(story: Story, at: datetime = SEEN) -> Shot:
    """Return the page of a story on the host that shows it first."""
    url = story.urls[0]
    host = url.split("/")[2]
    return Shot(url, render(story, host), at, charset(story, host))


def shots(site: Site) -> list[Shot]:
    """Return a page of each story of a site, a minute apart; of twins only one."""
    found = [shown for shown in site.truth() if shown.twin is None]
    return [shot(each.story, SEEN + timedelta(minutes=n)) for n, each in enumerate(found)]


def record(taken: Shot, coding: str = "gzip") -> bytes:
    """Return a page as a record, packed by itself."""
    label = f"; charset={taken.charset}" if taken.charset else ""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html{label}\r\n\r\n"
    made = WarcRecord()
    made.init_headers(WarcRecordType.response)
    made.headers["WARC-Target-URI"] = taken.url
    made.headers["WARC-Date"] = f"{taken.at:%Y-%m-%dT%H:%M:%SZ}"
    made.headers["Content-Type"] = "application/http; msgtype=response"
    made.set_bytes_content(head.encode() + taken.body)
    out = io.BytesIO()
    made.write(out)
    return packed(out.getvalue(), coding)


def write(path: Path, taken: Iterable[Shot], coding: str = "gzip") -> Path:
    """Write pages as a file, which has the ending of its coding; return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_name(path.name + ENDINGS[coding])
    file.write_bytes(b"".join(record(each, coding) for each in taken))
    return file
