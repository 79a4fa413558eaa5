"""The whole way of any text: page of each era -> article -> post -> text again."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harvester import drafts, judge, post
from harvester.model import BodyMode, Era
from harvester.zaobao import noise, story_ref
from tests.support.pages import AT, HK_URL, LONG, NOW, URL, page, paragraphs

ERAS = [era for era in Era if era is not Era.POST]
# Control characters, lone surrogates and line separators never reach a post.
_PRINTED = st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"])
_LINES = st.text(_PRINTED, min_size=1, max_size=40) | st.sampled_from(
    [
        "{{ page.title }}",
        "{% raw %}",
        "<b>不是标记</b> &amp; &#65;",
        '"引号" \\ 反斜线',
        "a\xa0b\u3000c",
        "- - -",
        "---",
    ]
)


def _is_the_stories_own(text: str) -> bool:
    """Leave out what the site itself writes: hypothesis also tries the words in our code."""
    services = (noise.is_noise_text, noise.is_paywall_text, noise.opens_reading_list)
    return bool(text) and not any(service(text) for service in services)


_TEXTS = st.lists(_LINES.map(str.strip).filter(_is_the_stories_own), min_size=1, max_size=6)
# Of a short story the title alone can tell that it is none, such as "cookie".
_ENDING = LONG * 4


@pytest.mark.parametrize("mode", BodyMode)
@given(title=_LINES, texts=_TEXTS)
def test_any_story_comes_back(mode: BodyMode, title: str, texts: list[str]) -> None:
    """Title and text come back from the written post; all eras and the post have one hash."""
    assume(post.clean_title(title))
    said = (*texts, _ENDING)
    hashes = set()
    for era in ERAS:
        url = HK_URL if era in (Era.HK_2020, Era.HK_2025) else URL
        html = page(paragraphs(said), era=era, title=title)
        article = drafts.read_page(html.encode(), story_ref(url), NOW, mode)
        draft = drafts.draft_of_page(article, NOW)
        written = post.read_post(draft.data)
        again = drafts.draft_of_post(draft.data)

        assert (article.era, article.published.at, article.blocks) == (era, AT, said)
        assert written.title == article.title == post.clean_title(title)
        assert post.published(written).at == AT
        assert again.article.blocks == said
        hashes |= {draft.content_hash, again.content_hash}

    assert hashes == {judge.content_hash(title, said)}
