"""A robots.txt made to do harm: it costs little, and allows nothing that cannot be read."""

from __future__ import annotations

import tracemalloc
from time import process_time
from typing import TYPE_CHECKING

import pytest

from harvester.errors import Blocked, FetchFailed, RobotsDenied
from harvester.fetch.robots import ROBOTS_CAP, Robots, decode
from tests.fetch.bombs import BOMBS, MIB
from tests.fetch.test_slow import CHUNKED, repeats
from tests.support.figures import FULL, Figures, cases

if TYPE_CHECKING:
    from tests.fetch.conftest import Desk, FakeSite, Sentinels

FORBID = "User-agent: *\nDisallow: /private\n"
PRIVATE = "https://www.zaobao.com.sg/private/1"


def lines(pattern: str, count: int = cases(8_000, 100_000)) -> str:
    """Return as many lines as are asked for, each with its number."""
    return "".join(pattern.format(n) for n in range(count))


AGENTS = lines("User-agent: bot{}\n", cases(3_000, 9_000))
TEXTS = {
    "lines": FORBID + lines("Disallow: /{}\n"),
    "blank lines": FORBID + "\n" * 100_000,
    "agents": FORBID + lines("User-agent: bot{}\n"),
    "agents without colon": FORBID + lines("user agent bot{}\n"),
    "agents twice": FORBID + AGENTS * 2,
    "every rule for every agent": FORBID + AGENTS + lines("Disallow: /{}\n"),
    "agents of one group": AGENTS + FORBID + lines("Disallow: /{}\n"),
    "wildcards": FORBID + lines("Disallow: /*{}*a*b*c*d$\n"),
    "wildcards in one line": FORBID + "Disallow: /" + "*a" * 200_000 + "$",
    "one line": FORBID + "Disallow: /" + "a" * 400_000,
    "percent signs": FORBID + "Disallow: /" + "%E4" * 100_000,
    "binary": FORBID + bytes(range(256)).decode("latin-1") * 1_000,
}


@pytest.mark.gate("N5 N6", "robots.txt")
@pytest.mark.parametrize("kind", TEXTS)
def test_no_text_costs_much(figures: Figures, kind: str) -> None:
    """Whatever stands in the part that is read: the rules at its head hold, memory is small."""
    body = TEXTS[kind].encode()[:ROBOTS_CAP]
    url = PRIVATE + "/" + "a" * 1_000
    tracemalloc.start()
    try:
        forbidden = not Robots(decode(body)).allows(url)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    begun = process_time()
    Robots(decode(body)).allows(url)
    seconds = process_time() - begun

    figures.all("texts whose rules hold", forbidden, of=1)
    figures.at_most("memory for the rules", held / MIB, 64, " MiB")
    if FULL:
        figures.at_most("to read a text and ask it", seconds, 2, " s")


@pytest.mark.parametrize("name", ["*", "Harvester", "harvester*", "HARVESTER"])
def test_rules_for_us_hold_among_thousands_of_agents(name: str) -> None:
    """One name stands for all other agents; ours, in any case, and the star stay what they are."""
    text = f"{AGENTS}User-agent: {name}\nuser agent other\nDisallow: /private\n"

    assert not Robots(text).allows(PRIVATE)
    assert Robots(f"{AGENTS}Disallow: /private\n").allows(PRIVATE)


@pytest.mark.gate("N5 N6", "robots.txt")
@pytest.mark.parametrize("kind", BOMBS)
async def test_of_a_bomb_the_start_is_read(
    desk: Desk, site: FakeSite, figures: Figures, kind: str
) -> None:
    """What unfolds to more than 500 KiB is cut there; what cannot be read allows nothing."""
    coding, make = BOMBS[kind]
    body = make(64 * MIB)
    site.serve("/robots.txt", site.reply(200, body, Content_Encoding=coding))
    fetcher = await desk.open(attempts=1)

    tracemalloc.start()
    try:
        try:
            answered = (await fetcher.get(PRIVATE)).status == 404
        except FetchFailed:
            answered = False
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert answered is (kind != "nested")
    figures.at_most("memory for a bomb", held / MIB, 8, " MiB")


@pytest.mark.gate("N5 N6", "robots.txt")
async def test_endless_rules_are_cut(desk: Desk, site: FakeSite, figures: Figures) -> None:
    """The rules that were read hold; the connection is closed."""
    rules = FORBID.encode()
    head = CHUNKED + b"%x\r\n%s\r\n" % (len(rules), rules)
    site.serve("/robots.txt", repeats(head, b"2000\r\n" + b"#" * 8192 + b"\r\n", 0))
    fetcher = await desk.open(attempts=1)

    with pytest.raises(RobotsDenied):
        await fetcher.get(PRIVATE)

    figures.none("pages asked for", len(site.pages), of=1)


@pytest.mark.gate("N1", "SSRF set")
async def test_rules_that_lead_inside_allow_nothing(
    desk: Desk, site: FakeSite, sentinels: Sentinels, figures: Figures
) -> None:
    """A redirect of robots.txt is followed with the same care as one of a page."""
    places = [
        f"https://127.0.0.1:{sentinels.port}/",
        f"http://[::1]:{sentinels.port6}/",
        "file:///",
    ]
    refused = 0
    for place in places:
        site.serve("/robots.txt", site.reply(302, Location=place))
        fetcher = await desk.open()
        try:
            await fetcher.get(PRIVATE)
        except Blocked as error:
            refused += error.url == PRIVATE

    assert site.pages == []
    figures.all("robots.txt that lead inside: refused", refused, of=len(places))
    figures.none("connections at a sentinel", len(sentinels.seen), of=len(places))
