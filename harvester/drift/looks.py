"""What one look at a page or list showed: plain values from which drift is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from harvester.model import Article, Watch

# A list may lose its newest item; only what went back further, over more stories, is old.
_WENT_BACK = timedelta(hours=1)
_WITHDRAWN = 3.0
# So many stories expected and none seen: by chance once in 500 million times.
_TOO_QUIET = 20.0


class Sign(StrEnum):
    """What can be wrong with a page, with a story that is held, or with a list."""

    UNREADABLE = "unreadable"  # no layout recognised, or title, time or body missing
    HIDDEN = "hidden"  # consent, sign-in, challenge or maintenance in its place
    REJECTED = "rejected"  # no article
    SHORT = "short"  # far shorter than is usual in this section and layout
    NO_AUTHOR = "no-author"
    NO_TAGS = "no-tags"
    NO_PICTURE = "no-picture"
    TWIN = "twin"  # the text of another story
    REVISED = "revised"  # a held story shows another text
    EMPTY = "empty"  # a list that was not recognised or names nothing
    STALE = "stale"  # a list that went back, or shows nothing new for far too long
    SILENT = "silent"  # a section of which nothing new was read for far too long


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a page or list was tested for, and which of these signs it showed.

    `layout` is empty where it is unknown or does not matter; `chars` is the length of an article's
    text, `published` its time.
    """

    section: str
    layout: str
    url: str
    at: datetime
    tested: frozenset[Sign]
    bad: frozenset[Sign]
    chars: int | None = None
    published: datetime | None = None


_EMPTY = frozenset({Sign.EMPTY})
_STALE = frozenset({Sign.STALE})


def read_page(
    article: Article, at: datetime, *, twin: bool = False, revised: bool | None = None
) -> Look:
    """Return the look at a page that was read.

    `twin` says that another story has its text, `revised` whether a story that is held showed
    another text than the one held (None: it is not held).
    """
    found = {
        Sign.NO_AUTHOR: not article.author,
        Sign.NO_TAGS: not article.tags,
        Sign.NO_PICTURE: "<img" not in article.body,
        Sign.TWIN: twin,
        Sign.UNREADABLE: False,
        Sign.HIDDEN: False,
        Sign.REJECTED: False,
    }
    if revised is not None:
        found[Sign.REVISED] = revised
    bad = frozenset(sign for sign, shown in found.items() if shown)
    chars = sum(map(len, article.blocks))
    layout = article.era.value
    published = article.published.at
    return Look(article.section, layout, article.url, at, frozenset(found), bad, chars, published)


def unchanged_page(section: str, url: str, at: datetime) -> Look:
    """Return the look at a held story whose page the site called unchanged (304)."""
    return Look(section, "", url, at, frozenset({Sign.REVISED}), frozenset())


def unreadable_page(section: str, url: str, at: datetime) -> Look:
    """Return the look at a page of a story from which no article could be read."""
    tested = frozenset({Sign.UNREADABLE, Sign.HIDDEN})
    return Look(section, "", url, at, tested, frozenset({Sign.UNREADABLE}))


def hidden_page(section: str, url: str, at: datetime) -> Look:
    """Return the look at a page with consent, sign-in, a challenge or the like in its place."""
    return Look(section, "", url, at, frozenset({Sign.HIDDEN}), frozenset({Sign.HIDDEN}))


def rejected_page(section: str, url: str, at: datetime) -> Look:
    """Return the look at a page that is no article."""
    tested = frozenset({Sign.HIDDEN, Sign.REJECTED})
    return Look(section, "", url, at, tested, frozenset({Sign.REJECTED}))


def list_look(
    watch: Watch,
    at: datetime,
    *,
    cards: int | None,
    newest: datetime | None = None,
    expected: float = 0.0,
    skipped: float = math.inf,
) -> Look:
    """Return the look at a list of `cards` stories (None: unchanged, 304; 0: not recognised, too).

    `watch.newest` is the newest time that the list ever stated, `newest` what it states now;
    between them `skipped` stories were to be expected: few may just have been withdrawn. `expected`
    stories were to be expected since the last fresh one (0 where this look found one).
    """
    if cards == 0:
        return Look(watch.name, "", watch.url, at, _EMPTY, _EMPTY)
    back = watch.newest - newest if newest and watch.newest else timedelta(0)
    is_old = back > _WENT_BACK and skipped > _WITHDRAWN
    bad = _STALE if is_old or expected > _TOO_QUIET else frozenset[Sign]()
    # Unchanged is what was read well.
    return Look(watch.name, "", watch.url, at, _STALE | _EMPTY, bad)
