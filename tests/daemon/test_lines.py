"""The ways to the site: our own network is told from it, and orders have patience."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from harvester.daemon.lines import OFFLINE_PAUSE, Line, Outage, PatientLine
from harvester.errors import FetchFailed, HostResting, NetworkDown
from harvester.fetch import PAGE_CAP
from harvester.model import Page, Validators
from tests.support.virtual_time import VirtualClock, run

URL = "https://www.zaobao.com.sg/realtime/china/story20261001-1"
NOTHING = Validators()
PAGE = Page(URL, URL, 200, b"", datetime(2026, 10, 1, tzinfo=UTC))
DOWN = NetworkDown(URL, "no route")


class Scripted:
    """A getter that answers as written, in this order; `asked` counts."""

    def __init__(self, *answers: Page | Exception) -> None:
        self._answers: Iterator[Page | Exception] = iter(answers)
        self.asked = 0

    async def get(self, url: str, validators: Validators = NOTHING, cap: int = PAGE_CAP) -> Page:
        """Return or raise what comes next."""
        del url, validators, cap
        self.asked += 1
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_without_a_network_everything_rests_and_nobody_is_charged() -> None:
    """The first try tells; until the next one nothing is asked; an answer ends it."""
    clock = VirtualClock()
    outage, getter = Outage(clock), Scripted(DOWN, PAGE)
    line = Line(getter, outage)

    async def act() -> None:
        for _ in range(3):
            with pytest.raises(HostResting) as rest:
                await line.get(URL)
            assert rest.value.retry_after == pytest.approx(OFFLINE_PAUSE)
        assert (outage.is_on, getter.asked) == (True, 1)
        await clock.sleep(OFFLINE_PAUSE)
        assert await line.get(URL) is PAGE
        assert not outage.is_on

    run(act(), clock)


def test_a_site_that_fails_shows_that_there_is_a_network() -> None:
    """503 after an outage: not our network any more."""
    clock = VirtualClock()
    outage = Outage(clock)
    line = Line(Scripted(DOWN, FetchFailed(URL, "answered 503")), outage)

    async def act() -> None:
        with pytest.raises(HostResting):
            await line.get(URL)
        await clock.sleep(OFFLINE_PAUSE)
        with pytest.raises(FetchFailed):
            await line.get(URL)
        assert not outage.is_on

    run(act(), clock)


def test_an_order_waits_for_a_site_that_rests() -> None:
    """It goes on when the pause is over."""
    clock = VirtualClock()
    rests = [HostResting(URL, "rests", retry_after=600.0) for _ in range(3)]
    patient = PatientLine(Scripted(*rests, PAGE), clock, lambda: False, lambda: False)

    async def act() -> None:
        assert await patient.get(URL) is PAGE

    run(act(), clock)


@pytest.mark.parametrize(("pause", "cut"), [(600.0, True), (4000.0, False)])
def test_an_order_does_not_wait_too_long_nor_when_cut(pause: float, cut: bool) -> None:
    """A pause of more than an hour ends it, and so does its command."""
    clock = VirtualClock()
    rest = HostResting(URL, "rests", retry_after=pause)
    patient = PatientLine(Scripted(rest), clock, lambda: cut, lambda: False)

    async def act() -> None:
        with pytest.raises(HostResting):
            await patient.get(URL)

    run(act(), clock)


def test_an_order_waits_while_the_daemon_has_paused() -> None:
    """Nothing is asked meanwhile: what comes could not be written."""
    clock = VirtualClock()
    getter = Scripted(PAGE)
    patient = PatientLine(getter, clock, lambda: False, lambda: clock.monotonic() < 60)

    async def act() -> None:
        assert await patient.get(URL) is PAGE
        assert clock.monotonic() >= 60

    run(act(), clock)
