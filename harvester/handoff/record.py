"""A story as other tools get it: what the catalogue knows, and its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from harvester import post, zaobao
from harvester.errors import BadPost, DatabaseUnusable
from harvester.model import Access, Era
from harvester.store import Reader, Selection, StoryRow


@dataclass(frozen=True, slots=True)
class Record:
    """One story for other tools; the fields in the order in which they are exported.

    Instants are aware UTC, to the second. `seq` is the story's last entry in the change log,
    `gone_at` when the site took it away. `text` are its paragraphs, parted by empty lines, without
    title and captions; `html` is the body of its post.
    """

    story_id: str
    url: str
    title: str
    published: datetime
    published_source: str
    section: str
    author: str
    tags: tuple[str, ...]
    access: Access
    era: Era
    content_hash: str
    path: str
    sha256: str
    revision: int
    seq: int
    first_seen: datetime
    updated_at: datetime
    gone_at: datetime | None
    text: str
    html: str


_EVERYTHING = Selection()


def records(archive: Reader, selection: Selection = _EVERYTHING) -> Iterator[Record]:
    """Return the stories wanted, each once, read as they are asked for.

    Raises DatabaseUnusable for a text that is damaged, and as the archive does.
    """
    return map(record_of, archive.stories(selection))


def html_of(row: StoryRow) -> str:
    """Return the body of a story's post. Raises DatabaseUnusable for one that is damaged."""
    try:
        return post.read_post(row.post).body
    except BadPost as problem:
        raise DatabaseUnusable(
            f"the text of story {row.story_id} is no post: {problem}; look at {row.path}, and "
            "`harvester verify` tells whether that is the file that was stored"
        ) from problem


def record_of(row: StoryRow) -> Record:
    """Return a story of the archive as other tools get it. Raises DatabaseUnusable."""
    html = html_of(row)
    return Record(
        story_id=row.story_id,
        url=row.url,
        title=row.title,
        published=row.published,
        published_source=row.published_source,
        section=row.section,
        author=row.author,
        tags=row.tags,
        access=row.access,
        era=row.era,
        content_hash=row.content_hash,
        path=row.path,
        sha256=row.sha256,
        revision=row.revision,
        seq=row.seq,
        first_seen=row.first_seen,
        updated_at=row.updated_at,
        gone_at=row.gone_at,
        text="\n\n".join(zaobao.read_body(html, row.url).blocks),
        html=html,
    )
