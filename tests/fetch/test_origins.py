"""What one origin gave or was sent never reaches another."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from harvester.model import Validators
from tests.fetch.conftest import HOSTS
from tests.support.figures import Figures

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeSite

PAIRS = list(permutations(sorted(HOSTS), 2))
BARE = {"Host", "User-Agent", "Accept", "Accept-Encoding", "Accept-Language"}
SENT = Validators('"v1"', "Mon, 01 Nov 2021 00:00:00 GMT")
COOKIE = "id=1; Path=/\r\nSet-Cookie: sg=1; Domain=.zaobao.com.sg"


@pytest.mark.gate("N4", "headers and cookies across origins")
async def test_nothing_is_carried_to_a_second_origin(
    desk: Desk, site: FakeSite, figures: Figures
) -> None:
    """After a redirect the second origin sees a bare request; cookies are never sent back."""
    # A jar would keep no cookies of a bare address.
    fetcher = await desk.open(rate=1e6, site_origin=f"http://localhost:{site.port}")
    for first, second in PAIRS:
        target = f"https://{second}/to"
        site.serve(f"{first}/from", site.reply(302, Location=target, Set_Cookie=COOKIE))
        site.serve(f"{second}/to", site.reply(200, b"", Set_Cookie=COOKIE, ETag='"v2"'))
        for _ in range(2):
            await fetcher.get(f"https://{first}/from", SENT)

    starts = [request for request in site.requests if request.path == "/from"]
    ends = [request for request in site.requests if request.path == "/to"]
    leaks = [request for request in ends if set(request.headers) != BARE]
    cookies = [request for request in site.requests if "Cookie" in request.headers]
    assert [request.headers["If-None-Match"] for request in starts] == ['"v1"'] * 2 * len(PAIRS)
    assert len(ends) == 2 * len(PAIRS)
    figures.at_least("pairs of origins", len(PAIRS), 12)
    figures.none("second origins that saw a header", len(leaks), of=len(ends))
    figures.none("requests with a cookie", len(cookies), of=len(site.requests))
