"""From what the site or an old post shows to the one noun that is stored. Pure.

page -> Article -> Draft          post -> Article -> Draft
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

from harvester import judge, post, zaobao
from harvester.errors import NotAStory, Unreadable
from harvester.model import Article, BodyMode, Draft, Era, Page, StoryRef
from harvester.zaobao import gate


def normalise(page: bytes, url: str, *, body: BodyMode = BodyMode.CLEAN) -> Article:
    """Read the page of a story, as bytes, from the address at which it was served.

    Raises `NotAStory` with a reason for what is no article, and `Unreadable` for an article whose
    title, time or body cannot be had.
    """
    return read_page(page, zaobao.story_ref(url), datetime.now(UTC), body)


def read_page(
    page: bytes, ref: StoryRef, now: datetime, mode: BodyMode, charset: str | None = None
) -> Article:
    """Read a page as `normalise` does; `charset` is the label of the HTTP header."""
    article = zaobao.read_article(page, ref, now, mode=mode, charset=charset)
    _require_text(article)
    return replace(article, title=post.clean_title(article.title))


def _require_text(article: Article) -> None:
    """Refuse half a surrogate pair, which a page can carry in JSON and no file or row can."""
    try:
        "".join((article.author, *article.tags)).encode()
    except UnicodeEncodeError as error:
        raise Unreadable(article.url, f"text that is not Unicode ({error.reason})") from error


def article_in(page: Page, ref: StoryRef, mode: BodyMode) -> Article:
    """Read the answer to a request for a story, as `normalise` does; `ref` was asked for."""
    if page.status != HTTPStatus.OK:
        raise NotAStory(judge.MISSING, ref.url, f"answered {page.status}")
    landed = gate.check_landing(ref, page.final_url)
    return read_page(page.body, landed, page.fetched_at, mode, page.charset)


def draft_of_page(article: Article, observed_at: datetime) -> Draft:
    """Return an article ready to be judged: its hash, its post and the names it would like."""
    data = post.write_post(post.Post.from_article(article))
    name, reserve = post.post_name(article.title, article.published.at, article.story_id)
    digest = judge.content_hash(article.title, article.blocks)
    return Draft(article, digest, data, name, reserve, observed_at)


def draft_of_post(data: bytes, *, in_place: str | None = None) -> Draft:
    """Return an existing post ready to be judged; its bytes stay as they are.

    The text is as old as the post's own date, so a text that the site shows today is newer.
    `in_place` is the post's path in the tree, where it lies there already. Raises `BadPost` for
    what breaks the grammar, `NotAStory` for posts of other outlets, `Unreadable` for a body that
    cannot be read.
    """
    old = post.read_post(data)
    ref = zaobao.story_ref(old.url)
    body = zaobao.read_body(old.body, ref.url)
    published = post.published(old)
    title = post.clean_title(old.title)
    article = Article(
        story_id=ref.story_id,
        url=ref.url,
        section=ref.section,
        title=title,
        published=published,
        body=old.body,
        blocks=body.blocks,
        era=Era.POST,
        access=body.access,
    )
    name, reserve = post.post_name(title, published.at, ref.story_id)
    digest = judge.content_hash(title, body.blocks)
    if in_place is not None:
        name = reserve = in_place
    return Draft(article, digest, data, name, reserve, old.date, in_place=in_place is not None)
