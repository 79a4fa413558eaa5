"""The post as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harvester.model import Article
from harvester.post.text import (
    clean_body,
    clean_title,
    escape,
    inert_body,
    inert_line,
    unescape,
    without_liquid,
)

SITE = "联合早报"
UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Post:
    """One post of the seed format, in any of its dialects, with nothing of its bytes lost.

    `header_title` is the title between the quotes of the header, escapes included. `epoch_text`
    is what the comment holds: milliseconds, or `NaN`. `date` and the epoch are the two clocks as
    they stand; `published` says when the story was published. `comments` tells whether the key is
    there at all: today's dialect has it, older posts do not.
    """

    header_title: str
    date: datetime
    author: str
    url: str
    tags: tuple[str, ...]
    categories: tuple[str, ...]
    epoch_text: str
    link_title: str
    body: str
    comments: bool = True

    @classmethod
    def from_article(cls, article: Article) -> Post:
        """Return the article in today's dialect; fractions of a second are dropped."""
        title = clean_title(article.title)
        instant = article.published.at.astimezone(UTC).replace(microsecond=0)
        return cls(
            header_title=escape(title),
            date=instant,
            author=SITE,
            # The same text stands in header and link line, so Liquid is undone for both.
            url=article.url.replace("{", "%7B"),
            tags=(SITE,),
            categories=(SITE,),
            epoch_text=str(int(instant.timestamp()) * 1000),
            link_title=inert_line(title),
            body=inert_body(clean_body(article.body)),
        )

    @property
    def title(self) -> str:
        r"""The title as published.

        Old posts escape only `"`, so a lone `\` stands for itself; ours escape `\` too. The link
        line, where neither is escaped, tells which of the two it is. In early posts of ours only
        Liquid is undone there.
        """
        old = self.header_title.replace('\\"', '"')
        if old.strip() == self.link_title:
            return old
        new = unescape(self.header_title)
        return new if self.link_title in (inert_line(new), without_liquid(new)) else old

    @property
    def epoch(self) -> datetime | None:
        """The instant in the comment; None for `NaN` and for numbers past the year 9999."""
        try:
            return UNIX_EPOCH + timedelta(milliseconds=int(self.epoch_text))
        except (ValueError, OverflowError):
            return None
