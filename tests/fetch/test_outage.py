"""The breaker at work: outages, restarts, probes, and what is not charged to the site."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from harvester.errors import FetchFailed, HostResting
from harvester.model import HostState

if TYPE_CHECKING:
    from harvester.fetch.client import Fetcher
    from tests.fetch.conftest import Desk, FakeClock, FakeSite, Reply

NAME = "www.zaobao.com.sg"
SITE = f"https://{NAME}"
MINUTE = 60.0
DAY = 24 * 3600.0


async def dropped(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Hang up without an answer."""


async def outcome(fetcher: Fetcher) -> str:
    """Return what became of one try: the answer's body, or the name of the error."""
    try:
        return (await fetcher.get(f"{SITE}/a")).body.decode()
    except (FetchFailed, HostResting) as error:
        return type(error).__name__


async def broken(desk: Desk, **settings: float) -> Fetcher:
    """Return a fetcher whose host was well, then failed three times; it rests about a minute."""
    desk.site.serve("/a", desk.site.reply(500))
    desk.site.serve("/well", desk.site.reply(200))
    fetcher = await desk.open(None, **({"breaker": True, "max_rest": 0.0} | settings))
    await fetcher.get(f"{SITE}/well")
    assert await outcome(fetcher) == "FetchFailed"
    return fetcher


@pytest.mark.parametrize("trouble", ["500", "503 with a pause", "429", "no answer"])
async def test_an_outage_of_a_week_costs_forty_requests(
    desk: Desk, site: FakeSite, fake_clock: FakeClock, trouble: str
) -> None:
    """However often it is tried, few requests go out, and the first after the end succeeds."""
    replies: dict[str, Reply] = {
        "500": site.reply(500),
        "503 with a pause": site.reply(503, Retry_After="1"),
        "429": site.reply(429),
        "no answer": dropped,
    }
    reply = replies[trouble]
    site.serve("/robots.txt", site.reply(404))
    site.serve("/a", site.reply(200, b"text"))
    fetcher = await desk.open(breaker=True, max_rest=0.0)
    assert await outcome(fetcher) == "text"
    healthy = len(site.requests)

    site.serve("/robots.txt", reply)
    site.serve("/a", reply)
    until = fake_clock.elapsed + 7 * DAY
    while fake_clock.elapsed < until:
        assert await outcome(fetcher) != "text"
        await fake_clock.sleep(5 * MINUTE)
    during = len(site.requests)

    site.serve("/robots.txt", site.reply(404))
    site.serve("/a", site.reply(200, b"text"))
    outcomes = [await outcome(fetcher)]
    while outcomes[-1] != "text":
        await fake_clock.sleep(5 * MINUTE)
        outcomes.append(await outcome(fetcher))

    assert during - healthy <= 40
    assert {"HostResting"} == set(outcomes[:-1])
    assert fake_clock.elapsed - until < 7 * 3600
    assert fetcher.hosts()[NAME].failures == 0


async def test_a_host_that_rests_is_not_asked(desk: Desk, site: FakeSite) -> None:
    """The third failure ends the tries; then every address fails at once, with the time left."""
    fetcher = await broken(desk)
    asked = len(site.requests)

    with pytest.raises(HostResting, match=f"{NAME} failed 3 times in a row and rests") as caught:
        await fetcher.get(f"{SITE}/other")

    assert site.pages == [f"{NAME}/well", *[f"{NAME}/a"] * 3]
    assert asked == len(site.requests)
    assert 50 < (caught.value.retry_after or 0) <= 66


async def test_the_failure_that_trips_is_told_as_such(desk: Desk, site: FakeSite) -> None:
    """Its own address is charged, so that one bad page is not the probe for ever."""
    site.serve("/a", site.reply(500))
    fetcher = await desk.open(breaker=True, max_rest=0.0)

    with pytest.raises(FetchFailed, match="500 Internal Server Error after 3 tries") as caught:
        await fetcher.get(f"{SITE}/a")

    assert caught.value.transient


async def test_a_restart_keeps_the_rest(desk: Desk, site: FakeSite, fake_clock: FakeClock) -> None:
    """A new start neither asks before the rest is over nor forgets how long the next one is."""
    await broken(desk)
    asked = len(site.requests)

    assert await outcome(await desk.open(breaker=True, max_rest=0.0)) == "HostResting"
    assert asked == len(site.requests)

    await fake_clock.sleep(67.0)
    again = await desk.open(breaker=True, max_rest=0.0)
    assert await outcome(again) == "FetchFailed"
    assert asked + 1 == len(site.requests)
    with pytest.raises(HostResting) as caught:
        await again.get(f"{SITE}/a")
    assert 107 < (caught.value.retry_after or 0) <= 132
    assert desk.memory.states[NAME].failures == 4


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_exactly_one_probes(
    desk: Desk, site: FakeSite, fake_clock: FakeClock, concurrency: int
) -> None:
    """After the rest one request goes; the others are sent away until its outcome is known."""
    fetcher = await broken(desk, concurrency=concurrency)
    await fake_clock.sleep(67.0)
    arrived, release = asyncio.Event(), asyncio.Event()

    async def held(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await release.wait()
        writer.write(site.reply(200, b"text"))
        await writer.drain()

    site.serve("/a", held)
    before = len(site.requests)
    probe = asyncio.create_task(outcome(fetcher))
    await arrived.wait()

    for name in "bcde":
        with pytest.raises(HostResting, match="is being tried") as caught:
            await fetcher.get(f"{SITE}/{name}")
        assert 0 < (caught.value.retry_after or 0) < 60
    assert before + 1 == len(site.requests)

    release.set()
    assert await probe == "text"
    assert (await fetcher.get(f"{SITE}/b")).status == 404


async def test_a_probe_is_not_tried_again(
    desk: Desk, site: FakeSite, fake_clock: FakeClock
) -> None:
    """One request, one outcome: a probe that fails shuts the gate for twice as long."""
    fetcher = await broken(desk)
    await fake_clock.sleep(67.0)
    before = len(site.requests)

    outcomes = await asyncio.gather(*(outcome(fetcher) for _ in range(5)))

    assert outcomes == ["FetchFailed", *["HostResting"] * 4]
    assert before + 1 == len(site.requests)
    assert fetcher.hosts()[NAME].failures == 4


async def test_a_probe_that_is_cancelled_leaves_the_next_one_to_others(
    desk: Desk, site: FakeSite, fake_clock: FakeClock
) -> None:
    """A stop in the middle of a probe decides nothing."""
    fetcher = await broken(desk)
    await fake_clock.sleep(67.0)
    arrived = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        arrived.set()
        await reader.read()

    site.serve("/a", silent)
    probe = asyncio.create_task(outcome(fetcher))
    await arrived.wait()
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe

    assert fetcher.hosts()[NAME].failures == 3
    assert (await fetcher.get(f"{SITE}/well")).status == 200
    assert fetcher.hosts()[NAME].failures == 0


async def test_those_who_wait_when_it_trips_are_sent_away(desk: Desk, site: FakeSite) -> None:
    """A queue does not drain into a host that has just failed for the third time."""
    site.serve("/well", site.reply(200))
    for name in "abcdef":
        site.serve(f"/{name}", site.reply(500))
    fetcher = await desk.open(breaker=True, max_rest=0.0, attempts=1)
    await fetcher.get(f"{SITE}/well")

    tries = (fetcher.get(f"{SITE}/{name}") for name in "abcdef")
    results = await asyncio.gather(*tries, return_exceptions=True)

    assert [FetchFailed] * 3 + [HostResting] * 3 == [type(result) for result in results]
    assert len(site.pages) == 4


async def test_answers_sent_before_it_tripped_do_not_count(desk: Desk, site: FakeSite) -> None:
    """Many that fail together are one trouble: the first rest is a minute, not an hour."""
    site.serve("/well", site.reply(200))
    fetcher = await desk.open(breaker=True, max_rest=0.0, attempts=1, concurrency=8, rate=1000.0)
    await fetcher.get(f"{SITE}/well")
    all_there = asyncio.Barrier(8)

    async def late(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await all_there.wait()
        writer.write(site.reply(500))
        await writer.drain()

    site.serve("/a", late)
    await asyncio.gather(*(outcome(fetcher) for _ in range(8)))

    state = fetcher.hosts()[NAME]
    assert state.failures == 3
    assert state.rest_until is not None
    assert (state.rest_until - desk.clock.now()).total_seconds() <= 66


@pytest.mark.parametrize("status", [200, 404, 403])
async def test_an_answer_ends_the_count(desk: Desk, site: FakeSite, status: int) -> None:
    """Failures count in a row; any answer between them means that the host is there."""
    fetcher = await desk.open(breaker=True, max_rest=0.0, attempts=1)
    site.serve("/a", *[site.reply(500), site.reply(500), site.reply(status)] * 3)

    for _ in range(9):
        await outcome(fetcher)

    assert len(site.pages) == 9


async def test_a_pause_asked_for_is_not_charged(
    desk: Desk, site: FakeSite, fake_clock: FakeClock
) -> None:
    """A 429 that says when to come again is obeyed to the second, and no failure of the host."""
    site.serve("/a", *[site.reply(429, Retry_After="100")] * 5, site.reply(200, b"text"))
    fetcher = await desk.open(breaker=True, max_rest=0.0)

    for _ in range(5):
        assert await outcome(fetcher) == "HostResting"
        assert await outcome(fetcher) == "HostResting"
        await fake_clock.sleep(100.0)

    assert await outcome(fetcher) == "text"
    assert len(site.pages) == 6
    assert fetcher.hosts()[NAME].failures == 0


async def test_a_longer_pause_asked_for_outlasts_the_rest(
    desk: Desk, site: FakeSite, fake_clock: FakeClock
) -> None:
    """Where the site says more than the breaker would, the site's word counts."""
    fetcher = await broken(desk)
    site.serve("/a", site.reply(503, Retry_After="7200"), site.reply(200, b"text"))
    await fake_clock.sleep(67.0)
    assert await outcome(fetcher) == "HostResting"

    await fake_clock.sleep(7100.0)
    assert await outcome(fetcher) == "HostResting"
    await fake_clock.sleep(100.0)

    assert await outcome(fetcher) == "text"


async def test_without_the_breaker_all_stays_as_it_was(desk: Desk, site: FakeSite) -> None:
    """A one-shot run tries each address as often as set, and counts nothing."""
    site.serve("/a", site.reply(500))
    fetcher = await desk.open()

    for _ in range(3):
        assert await outcome(fetcher) == "FetchFailed"

    assert len(site.pages) == 12
    assert fetcher.hosts()[NAME].failures == 0


async def test_a_count_without_its_rest_still_means_one_probe(desk: Desk, site: FakeSite) -> None:
    """What is remembered may be half: the rest is over, so one goes first."""
    desk.memory.states[NAME] = HostState(failures=5)
    site.serve("/robots.txt", site.reply(500))
    fetcher = await desk.open(breaker=True, max_rest=0.0)

    outcomes = await asyncio.gather(*(outcome(fetcher) for _ in range(4)))

    assert sorted(outcomes) == ["FetchFailed", *["HostResting"] * 3]
    assert len(site.requests) == 1


async def test_a_wall_clock_set_back_does_not_prolong_a_rest(
    desk: Desk, fake_clock: FakeClock
) -> None:
    """Rests are measured by the clock that only goes forward."""
    fetcher = await broken(desk)
    fake_clock.start = fake_clock.start.replace(year=2025)
    await fake_clock.sleep(67.0)

    assert await outcome(fetcher) == "FetchFailed"
