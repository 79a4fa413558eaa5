"""Pages that take seconds to read: everything else goes on meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import web

from harvester.zaobao.burden import TAG_LIMIT
from tests.e2e.support import Place
from tests.handoff.follower_archive import quick_folder
from tests.support.answering import answering
from tests.support.figures import FULL, Figures, cases
from tests.support.pages import LONG, page, paragraphs

_PATH = "/realtime/china/story20230312-{}"
_MANY = cases(2_000, TAG_LIMIT - 500)
# What takes longest of all that is let in: pictures deep inside, and what only looks like drawings.
_HARD = (
    "<div>" * 140 + "<img src=/a>" * (_MANY - 300) + "</div>" * 140,
    "<img class=gallery-image src=https://x/a.jpg>" * _MANY,
    "<svg><p>" + "<path/>" * min(_MANY, 9_000) + "<i>x</i>" * (_MANY // 5),
)


def serving(pages: dict[str, bytes]) -> AbstractAsyncContextManager[str]:
    """Serve these pages; yield the origin."""

    def answer(request: web.BaseRequest) -> web.Response:
        body = pages.get(request.path)
        return web.Response(body=body, status=200 if body else 404, content_type="text/html")

    return answering(answer)


async def _longest_lag(over: asyncio.Event) -> float:
    """Return for how long at most the loop did nothing else, in seconds."""
    loop, longest = asyncio.get_running_loop(), 0.0
    while not over.is_set():
        before = loop.time()
        await asyncio.sleep(0.001 if FULL else 0)
        longest = max(longest, loop.time() - before)
    return longest


@pytest.mark.timeout(300)
@pytest.mark.alone
@pytest.mark.gate("N10", "hard pages in a run")
async def test_a_run_goes_on_beside_hard_pages(figures: Figures) -> None:
    """The others are archived and the loop is never held up for long."""
    bodies = [*(f"<p>{LONG}</p>{hard}" for hard in _HARD), *([""] * 20)]
    shown = {
        _PATH.format(1_370_001 + number): page(
            paragraphs([LONG, f"第{number}篇。"]) + body
        ).encode()
        for number, body in enumerate(bodies)
    }
    over = asyncio.Event()
    async with serving(shown) as origin:
        with quick_folder() as folder:
            place = Place(folder, origin)
            watch = asyncio.create_task(_longest_lag(over))
            await place.backfill_urls(f"https://www.zaobao.com.sg{path}" for path in shown)
            over.set()
            lag = await watch
            archived = {int(key) - 1_370_001 for key in place.articles()}

    ordinary = set(range(len(_HARD), len(bodies)))
    figures.all("ordinary pages archived", len(ordinary & archived), len(ordinary))
    if FULL:
        figures.at_most("longest lag of the loop", lag, 1, " s")
