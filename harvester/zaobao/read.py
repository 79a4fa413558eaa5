"""From the bytes of a page to an article, and from the body of an old post to its text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from harvester.errors import NotAStory, Unreadable
from harvester.model import Access, Article, BodyMode, Instant, StoryRef
from harvester.zaobao import gate
from harvester.zaobao.clean import PREVIEW_MARK, clean, figure_html
from harvester.zaobao.eras import extract
from harvester.zaobao.extracted import Extracted
from harvester.zaobao.facts import Document
from harvester.zaobao.markup import as_utf8, fragment, parse
from harvester.zaobao.verbatim import verbatim

# A story dated further ahead is a broken clock or a broken page.
_FUTURE = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class ReadBody:
    """What the body of an existing post says: its text blocks, and whether it was cut."""

    blocks: tuple[str, ...]
    access: Access


def read_article(
    page: bytes,
    ref: StoryRef,
    now: datetime,
    *,
    mode: BodyMode = BodyMode.CLEAN,
    charset: str | None = None,
) -> Article:
    """Read the page of a story.

    `ref` is the address at which the page was served, `now` the time of the fetch, `charset` the
    label of the HTTP header. Raises `NotAStory` with a reason for what is no article, and
    `Unreadable` for an article whose title, instant or body cannot be had.
    """
    gate.check_address(ref)
    utf8 = as_utf8(page, ref.url, charset)
    doc = Document(ref, utf8, parse(utf8, ref.url))
    gate.check_kind(doc)
    found = extract(doc)
    if found is None or not found.roots:
        raise _no_story(doc, found)
    try:
        return _article(doc, found, now, mode)
    except Unreadable as problem:  # from deep inside, where the address is not known
        raise Unreadable(ref.url, problem.problem) from problem


def read_body(html: str, url: str) -> ReadBody:
    """Read the body of an existing post (one line of HTML) for its text.

    Raises `Unreadable` for a body nested too deep.
    """
    root = fragment(html, url)
    body = clean([root] if root is not None else [], url)
    return ReadBody(body.blocks, Access.PREVIEW if body.paywall else Access.FULL)


def _no_story(doc: Document, found: Extracted | None) -> NotAStory | Unreadable:
    """Return what to say of a page without a story: a known other page, or one to look into."""
    if kind := gate.other_kind(doc):
        return NotAStory(kind, doc.ref.url)
    if found is None:
        return Unreadable(doc.ref.url, "no known page layout")
    return Unreadable(doc.ref.url, f"the page ({found.era}) has no body where one should be")


def _article(doc: Document, found: Extracted, now: datetime, mode: BodyMode) -> Article:
    markup = _verbatim(found, doc.ref.url) if mode is BodyMode.VERBATIM else None
    body = clean(found.roots, doc.ref.url, found.lead)
    access = Access.PREVIEW if found.charged or body.paywall else Access.FULL
    gate.check_body(doc, found.title, body, access)
    mark = PREVIEW_MARK if access is Access.PREVIEW else ""
    if not found.title.strip():
        raise Unreadable(doc.ref.url, "the page shows no title")
    return Article(
        story_id=doc.ref.story_id,
        url=doc.ref.url,
        section=doc.ref.section,
        title=found.title.strip(),
        published=_published(found, doc.ref.url, now),
        body=body.html + mark if markup is None else markup,
        blocks=body.blocks,
        era=found.era,
        access=access,
        author=found.author,
        tags=found.tags,
    )


def _verbatim(found: Extracted, url: str) -> str:
    """Return the published markup; pictures that stand outside of it come first."""
    lead = "".join(figure_html([figure.url], figure.caption) for figure in found.lead)
    return lead + verbatim(found.roots, url)


def _published(found: Extracted, url: str, now: datetime) -> Instant:
    if found.published is None:
        raise Unreadable(url, "the page states no time of publication")
    if found.published.at > now + _FUTURE:
        at = f"{found.published.at:%Y-%m-%d %H:%M}Z"
        raise Unreadable(url, f"the page states a time of publication in the future ({at})")
    return found.published
