"""Pages in wrong and lying charsets, from the server's header to the file of the post."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import web

from harvester.model import Verdict
from tests.e2e.support import Place, read
from tests.handoff.follower_archive import quick_folder
from tests.support.answering import answering
from tests.support.charsets import GARBLED, READABLE, Case
from tests.support.figures import Figures

_FIRST = 1_370_001
_PATH = "/realtime/china/story20230312-{}"


def serving(cases: Mapping[str, Case]) -> AbstractAsyncContextManager[str]:
    """Serve a page for each path, with the header as the case has it; yield the origin."""

    def answer(request: web.BaseRequest) -> web.Response:
        case = cases.get(request.path)
        if case is None:
            return web.Response(status=404)
        label = f"; charset={case.header}" if case.header else ""
        number = int(request.path.rpartition("-")[2])
        return web.Response(body=case.body(number), headers={"Content-Type": f"text/html{label}"})

    return answering(answer)


@pytest.mark.gate("N9", "wrong and lying charsets")
async def test_posts_hold_what_was_published_or_are_not_there(figures: Figures) -> None:
    """Each page whose text can be had is a post with that text; no other page is a post."""
    cases = dict(enumerate((*READABLE, *GARBLED), _FIRST))
    paths = {number: _PATH.format(number) for number in cases}
    async with serving({paths[number]: case for number, case in cases.items()}) as origin:
        with quick_folder() as folder:
            place = Place(folder, origin)
            run = await place.backfill_urls(
                f"https://www.zaobao.com.sg{path}" for path in paths.values()
            )
            posts = {int(key): read(place.text(key)) for key in place.articles()}

    shown = {number: (case.title, case.shown(number)) for number, case in cases.items()}
    equal = [n for n, post in posts.items() if (post.title, post.blocks) == shown[n]]
    readable = [number for number, case in cases.items() if case not in GARBLED]
    assert len(run.ended(Verdict.FAILED)) == len(GARBLED)
    figures.all("pages equal to what was published", len(set(equal) & set(readable)), len(readable))
    figures.none("garbled texts stored", len(posts) - len(equal), of=len(cases))
    figures.at_least("pages", len(readable), 60)
