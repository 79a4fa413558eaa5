"""Redirects: within the site followed, to anywhere else never even connected to."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from harvester.errors import Blocked, FetchFailed, RedirectedAway
from harvester.model import Validators
from tests.support.figures import Figures

if TYPE_CHECKING:
    from harvester.fetch.client import Fetcher
    from tests.fetch.conftest import Desk, FakeSite, Sentinels

START = "https://www.zaobao.com.sg/start"

# {port} and {port6} are those of the sentinels, listeners on loopback.
HOSTILE = [
    "http://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "https://127.0.0.1/",
    "https://localhost:{port}/",
    "https://localhost/",
    "https://www.localhost/",
    "https://router.local/",
    "https://service.internal/",
    "https://intranet/",
    "https://127.1/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://192.168.1.1/",
    "https://[::1]:{port}/",
    "https://[::1]/",
    "https://[::1]:{port6}/",
    "http://[::1]:{port6}/",
    "https://[::ffff:7f00:1]:{port}/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://127.0.0.1.:{port}/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0177.0.0.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1%25eth0]/",
    "https://[64:ff9b::7f00:1]/",
    "https://①②⑦.0.0.1/",
    "https://127。0。0。1/",
    "//127.0.0.1:{port}/",
    "//localhost/",
    "\\\\127.0.0.1:{port}\\",
    "https:\\\\127.0.0.1:{port}/",
    "/\\127.0.0.1:{port}/",
    "https://www.zaobao.com.sg\\@127.0.0.1:{port}/",
    "https://www.zaobao.com.sg@127.0.0.1:{port}/",
    "https://user:pass@www.zaobao.com.sg/",
    "https://www.zaobao.com.sg:{port}/",
    "http://www.zaobao.com.sg/x",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/",
    "data:text/html,x",
    "javascript:alert(1)",
    "gopher://127.0.0.1:{port}/_x",
    "https://www.zaobao.com.sg:99999/",
    "https://[/",
    "",
]


SIX_HOPS = [f"/six/{hop}" for hop in range(1, 7)]
LOOP = ["/loop/1", "/loop/2", "/loop/1"]


@pytest.mark.gate("N1", "SSRF set")
async def test_a_hostile_redirect_is_blocked_before_any_connection(
    desk: Desk, site: FakeSite, sentinels: Sentinels, figures: Figures
) -> None:
    """Inner addresses, other schemes, credentials, loops: one typed error, no connection."""
    ports = {"port": sentinels.port, "port6": sentinels.port6}
    targets = [location.format(**ports) for location in HOSTILE]
    chains = [[target] for target in targets] + [["/a", "/b", target] for target in targets]
    chains += [SIX_HOPS, LOOP]
    fetcher = await desk.open(rate=1e6)

    refused = [await is_refused(fetcher, site, n, chain) for n, chain in enumerate(chains)]

    figures.at_least("kinds of hostile targets", len(set(HOSTILE)) + 2, 40)
    figures.all("chains refused with a typed error", sum(refused), len(chains))
    figures.none("connections at a sentinel", len(sentinels.seen), of=len(chains))


async def is_refused(fetcher: Fetcher, site: FakeSite, number: int, chain: list[str]) -> bool:
    """Serve a chain of redirects; return whether its last step, and no earlier one, is Blocked."""
    # Each chain has paths of its own; only what leads away from the site is as it is.
    own = [
        f"/{number}{at}" if at.startswith(("/a", "/b", "/six/", "/loop/")) else at for at in chain
    ]
    steps = [f"/{number}/start", *own]
    for path, target in pairwise(steps):
        site.serve(path, site.reply(302, Location=target))
    asked, begun = f"https://www.zaobao.com.sg{steps[0]}", len(site.pages)
    try:
        await fetcher.get(asked)
    except Blocked as error:
        hops = len(site.pages) - begun
        return (error.url, error.transient, hops) == (asked, False, len(steps) - 1)
    return False


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_within_the_site_are_followed(
    desk: Desk, site: FakeSite, status: int
) -> None:
    """Other paths and hosts of the site are reached; both real addresses are kept."""
    site.serve("www.zaobao.com/start", site.reply(status, Location=START))
    site.serve("www.zaobao.com.sg/start", site.reply(status, Location="next?p=1"))
    site.serve("www.zaobao.com.sg/next?p=1", site.reply(200, b"body"))

    page = await (await desk.open()).get("https://www.zaobao.com/start")

    assert page.url == "https://www.zaobao.com/start"
    assert page.final_url == "https://www.zaobao.com.sg/next?p=1"
    assert page.body == b"body"


async def test_five_redirects_are_followed_and_a_sixth_is_not(desk: Desk, site: FakeSite) -> None:
    """The limit counts redirects, not requests."""
    for n in range(7):
        site.serve(f"/{n}", site.reply(302, Location=f"/{n + 1}"))
    site.serve("/6", site.reply(200, b"end"))
    fetcher = await desk.open()

    page = await fetcher.get("https://www.zaobao.com.sg/1")
    assert page.final_url == "https://www.zaobao.com.sg/6"

    with pytest.raises(Blocked, match="more than 5 redirects"):
        await fetcher.get("https://www.zaobao.com.sg/0")


async def test_leaving_the_site_is_reported_not_done(desk: Desk, site: FakeSite) -> None:
    """A public address elsewhere is RedirectedAway with the place it leads to."""
    site.serve("/start", site.reply(302, Location="https://interactive.zaobao.com.sg/map"))
    fetcher = await desk.open()

    with pytest.raises(RedirectedAway) as caught:
        await fetcher.get(START)

    assert caught.value.location == "https://interactive.zaobao.com.sg/map"


async def test_validators_go_to_the_first_address_only(desk: Desk, site: FakeSite) -> None:
    """They belong to one address; a 304 from another one is no answer."""
    site.serve("/start", site.reply(302, Location="/next"))
    site.serve("/next", site.reply(304))
    fetcher = await desk.open()

    with pytest.raises(FetchFailed, match="304 Not Modified"):
        await fetcher.get(START, Validators('"v1"'))

    first, second = [r for r in site.requests if r.path != "/robots.txt"]
    assert first.headers["If-None-Match"] == '"v1"'
    assert "If-None-Match" not in second.headers
