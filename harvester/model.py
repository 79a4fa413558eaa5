"""The nouns of the way of one article, each frozen: its type says how far a value has come.

    StoryRef -> Page -> Extracted -> Article -> Draft -> Stored

Every instant is an aware UTC `datetime`; every URL is a real address of the site (https), also
when `--site-origin` sends the requests elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Final

SITE: Final = "site"
"""The source of what the site itself showed; others show it at addresses of their own."""


class Access(StrEnum):
    """How much of a story the site served to a visitor who is not logged in."""

    FULL = "full"
    PREVIEW = "preview"


class Era(StrEnum):
    """Page layouts of the site, told by what a page shows (reference: eras of zaobao)."""

    SG_2013 = "sg-2013"  # Drupal 7, 2013 to early 2019
    SG_2019 = "sg-2019"  # 2019 to mid 2024, theme zbsg2020 from 2020/21
    SG_2024 = "sg-2024"  # React and CUE, since mid 2024
    HK_2020 = "hk-2020"  # zaobao.com, 2020-11 to mid 2025
    HK_2025 = "hk-2025"  # zaobao.com on Astro, since 2025-07-29
    POST = "post"  # read from an existing post, not from a page


class BodyMode(StrEnum):
    """What the body of a post holds."""

    CLEAN = "clean"
    VERBATIM = "verbatim"


class Verdict(StrEnum):
    """The end states of a URL; each URL of a run gets exactly one."""

    NEW = "new"
    REVISED = "revised"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StoryRef:
    """An address at which a story was seen.

    `day` is the issue day in the address, never the time of publication. `lastmod` is the text of
    the sitemap's hint of a change, compared only with itself.
    """

    story_id: str
    url: str
    section: str
    day: date
    lastmod: str | None = None


@dataclass(frozen=True, slots=True)
class Validators:
    """What a conditional request sends (RFC 9110, 13.1)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the wire for a page, as it was sent.

    `url` is that of the last hop, `request` and `response` are heads with their empty line, `body`
    is in its content coding, free of transfer coding alone; empty for all but an answer 200 or 206.
    """

    url: str
    request: bytes
    response: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the site: decoded from transfer coding, not yet from its charset.

    `status` is 200, 304, 404 or 410, or 206 for a part of a file; everything else is an error of
    the fetcher. `charset` is the label of the HTTP header, if there was one. `max_age` is for how
    many seconds the site calls the answer fresh (RFC 9111, 4.2.1), None where it does not say.
    """

    url: str
    final_url: str
    status: int
    body: bytes
    fetched_at: datetime
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    max_age: float | None = None
    exchange: Exchange | None = field(default=None, repr=False, compare=False)

    @property
    def validators(self) -> Validators:
        """Return what makes the next request for it conditional."""
        return Validators(self.etag, self.last_modified)


@dataclass(frozen=True, slots=True)
class HostState:
    """What is remembered of a host between runs: its robots.txt and a pause it asked for.

    `robots` is the text of the file (empty: everything allowed, None: never asked), `asked_at`
    the time of the last request, `failures` how many exchanges in a row came to nothing.
    """

    robots: str | None = None
    robots_at: datetime | None = None
    rest_until: datetime | None = None
    asked_at: datetime | None = None
    failures: int = 0


class Lane(IntEnum):
    """Who goes first where several wait for one host."""

    LIVE = 0  # lists and stories just published
    AGAIN = 1  # stories looked at again
    BACKFILL = 2


@dataclass(frozen=True, slots=True)
class Watch:
    """A source that is looked at again and again, and when next.

    `name` is a section's path, or `sitemap` for the newest sitemap; `url` the address that answered
    last, empty before the first time. `next_check_at` is the slot of the next look (None: at once),
    `pause` the seconds that lie between it and the look before it. `newest` is the time that the
    newest item stated, `problem` why the last look brought nothing.
    """

    name: str
    url: str = ""
    validators: Validators = Validators()
    checked_at: datetime | None = None
    next_check_at: datetime | None = None
    pause: float = 0.0
    failures: int = 0
    newest: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Poll:
    """One look at a watch: the slot it was due in, when it was made and what it brought.

    `cards` are the stories named, `fresh` those never heard of; `problem` is empty if it was read.
    """

    watch: str
    slot: datetime
    at: datetime
    cards: int = 0
    fresh: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What is remembered of a sitemap: its validators, and when it was last read.

    `lastmod` is the index's hint of a change, `newest` the latest issue day in it.
    """

    url: str
    validators: Validators = Validators()
    checked_at: datetime | None = None
    lastmod: str | None = None
    newest: date | None = None


class VisitState(StrEnum):
    """How the last visit to a story's address ended; `PENDING` means not visited yet."""

    PENDING = "pending"
    HELD = "held"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Visit:
    """The last look at a story: when, with what end, and when to look again.

    `next_check_at` None means: not before something new is heard of it. `lastmod` is the sitemap's
    hint as it stood at this visit. `published` is known once the page has been read, also when it
    was not stored.
    """

    story_id: str
    url: str
    state: VisitState
    checked_at: datetime
    reason: str = ""
    failures: int = 0
    next_check_at: datetime | None = None
    validators: Validators = Validators()
    lastmod: str | None = None
    published: datetime | None = None
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which stories a run is about: days of the address, both ends included, and sections.

    An empty `sections` means all; `realtime` includes `realtime/china`.
    """

    since: date | None = None
    until: date | None = None
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment of publication and where it came from (`json-ld`, `byline`, ...)."""

    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Article:
    """The one normalised noun: what was published, free of the page around it.

    `body` is one line of HTML in the mode asked for. `blocks` are the texts of its leaf blocks in
    reading order without captions: what the content hash is made of.
    """

    story_id: str
    url: str
    section: str
    title: str
    published: Instant
    body: str
    blocks: tuple[str, ...]
    era: Era
    access: Access = Access.FULL
    author: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """An article ready to be judged and stored.

    `name` is the file name it would like, `reserve` the one it takes if another story has that
    name; both are relative to the post tree, with `/`. `observed_at` is when the site showed this
    text. `in_place` means that `name` exists already with these bytes and must not be written.
    `reread_of` is set where a page was read again: the SHA-256 (hex) of the post that the reader
    before made of it.
    """

    article: Article
    content_hash: str
    data: bytes
    name: str
    reserve: str
    observed_at: datetime
    in_place: bool = False
    reread_of: str | None = None

    @property
    def sha256(self) -> str:
        """Return the SHA-256 (hex) of the post."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue holds of a story, as far as a verdict needs it.

    `hashes` are those of all revisions; `observed_at` and `sha256` belong to the current one.
    """

    content_hash: str
    observed_at: datetime
    hashes: frozenset[str] = frozenset()
    access: Access = Access.FULL
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reason; `archival` means a text older than the one we hold."""

    verdict: Verdict
    reason: str = ""
    archival: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record of the raw archive lies.

    `file` is a name in `state/warc/`, or the path or URL of somebody else's file; `offset` and
    `length` are in bytes of the file as it is, packed.
    """

    file: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """A page that is to be kept as it came, and what was made of it.

    `decision` None means: as the draft is judged that comes with it. `reading` is the text that was
    read, where that draft is not to be stored. `source` is who showed the page; `place` where it is
    kept already.
    """

    ref: StoryRef
    page: Page
    mode: BodyMode = BodyMode.CLEAN
    decision: Decision | None = None
    reading: Draft | None = None
    source: str = SITE
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """A page in the raw archive, and what was made of it when it came.

    `url` was asked for, `final_url` answered with `status` at `seen_at`. `content_hash` and
    `sha256` are those of the text that was read and of the post that was made of it in `mode`,
    empty where there was none; `parser` is the version of what read it. `path` is where the story's
    file was put, `lastmod` the sitemap's hint at that visit. `digest` is that of the body as it was
    sent (`sha1:` and base32), empty where there was none.
    """

    story_id: str
    url: str
    final_url: str
    status: int
    seen_at: datetime
    stored_at: datetime
    source: str
    decision: Decision
    content_hash: str
    sha256: str
    mode: BodyMode
    parser: str
    path: str
    digest: str
    lastmod: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a draft: its verdict and, where it has a file, that file's relative path."""

    story_id: str
    decision: Decision
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """The summary of a run: `discovered` is the sum of the seven end states after it."""

    by_verdict: Mapping[Verdict, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def discovered(self) -> int:
        """Return how many URLs the run dealt with."""
        return sum(self.by_verdict.values())

    def as_json(self) -> dict[str, int | float]:
        """Return the one object that `--json` prints."""
        states = {verdict.value: self.by_verdict.get(verdict, 0) for verdict in Verdict}
        return {"discovered": self.discovered, **states, "seconds": round(self.seconds, 3)}
