"""Receivers in trouble: every change comes in the end, in order, whatever they do meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from harvester.settings import Hook
from tests.handoff.hooks.support import (
    DAY,
    HOUR,
    MINUTE,
    SECRET,
    Answer,
    Place,
    Receiver,
    deliveries,
    live,
)


def served(
    root: Path, shop: Receiver, act: Callable[[Place, Hook], Awaitable[None]], *, batch: int = 1
) -> None:
    """Run `act` with a receiver that listens and a hook that has had change 1 alone."""

    async def main(place: Place) -> None:
        await place.publish(1)
        async with shop.listening():
            hook = shop.hook(batch=batch)
            async with place.couriers(hook) as couriers:
                await place.until(lambda: couriers.statuses["shop"].position == 1)
            await act(place, hook)

    live(root, main)
    for call in shop.calls:
        call.verify()


async def _hang(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.sleep(DAY)
    raise AssertionError


def _endless(status: int) -> Answer:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while True:
            await response.write(b"no! " * 1000)

    return answer


def _asking(status: int, **headers: str) -> Answer:
    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, headers=named, text="mind\x1b your\nown")

    return answer


def test_a_receiver_that_is_gone_for_a_day(tmp_path: Path) -> None:
    """Changes of a day come when it is back, once each, in order; meanwhile it is asked seldom."""
    shop = Receiver()

    async def act(place: Place) -> None:
        await place.publish(1)
        async with shop.listening():
            pass  # its port is known
        async with place.couriers(shop.hook()) as couriers:
            await place.until(lambda: couriers.statuses["shop"].position == 1)
            await place.publish(2, 3)
            couriers.nudge()
            await place.clock.sleep(DAY)
            tries = couriers.statuses["shop"].attempts
            assert 12 + 20 < tries < 12 + 25
            async with shop.listening():
                await place.until(lambda: shop.seqs == [2, 3])
                await place.clock.sleep(10 * MINUTE)

    live(tmp_path, act)
    assert shop.seqs == [2, 3]
    for call in shop.calls:
        call.verify()


@pytest.mark.parametrize(
    ("answer", "problem", "seconds"),
    [
        (500, "500 Internal Server Error", 0.0),
        (429, "429 Too Many Requests", 0.0),
        (_hang, "no answer within 30 s", 30.0),
        (_endless(503), "503 Service Unavailable", 0.0),
    ],
)
def test_trouble_that_may_pass(
    tmp_path: Path, answer: int | Answer, problem: str, seconds: float
) -> None:
    """A try in vain is repeated with the same message after 1, 2, 4 s; then the next comes."""
    shop = Receiver([answer, answer, answer])

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2, 3)
        async with place.couriers(hook) as couriers:
            await place.until(lambda: len(shop.calls) == 2)
            await place.until(lambda: couriers.statuses["shop"].attempts == 2)
            failing = couriers.statuses["shop"]
            assert (failing.position, failing.behind, failing.problem) == (1, 2, problem)
            await place.until(lambda: shop.seqs == [2, 2, 2, 2, 3])
        assert [one.outcome for one in deliveries(tmp_path, hook)] == [
            *[problem] * 3,
            *["delivered"] * 2,
        ]
        assert place.status(hook).problem == ""

    served(tmp_path, shop, act)
    same, other = {call.id for call in shop.calls[:4]}, shop.calls[4].id
    assert len(same) == 1
    assert other not in same
    times = [call.at for call in shop.calls]
    pauses = [later - earlier - seconds for earlier, later in pairwise(times[:4])]
    assert pauses == pytest.approx([1, 2, 4], abs=1.2)  # up to 1 s for an answer without end


@pytest.mark.parametrize("status", [400, 410, 307])
def test_a_refusal_is_repeated_seldom(tmp_path: Path, status: int) -> None:
    """Who says no, or sends elsewhere, is asked once an hour, not followed, and got at last."""
    shop = Receiver([_asking(status, Location="http://127.0.0.1:1/elsewhere")] * 3)

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2)
        async with place.couriers(hook):
            await place.until(lambda: place.status(hook).position == 2)
        assert {one.output for one in deliveries(tmp_path, hook)} == {"mind\x1b your own", ""}

    served(tmp_path, shop, act)
    assert [call.at for call in shop.calls] == pytest.approx(
        [shop.calls[0].at + HOUR * n for n in range(4)], abs=10
    )


def test_a_pause_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    """Retry-After holds in both its forms."""
    shop = Receiver([_asking(429, Retry_After="1800")])

    async def act(place: Place, hook: Hook) -> None:
        in_an_hour = format_datetime(place.clock.now() + timedelta(hours=1), usegmt=True)
        shop.answers.insert(0, _asking(503, Retry_After=in_an_hour))
        await place.publish(2)
        async with place.couriers(hook):
            await place.until(lambda: place.status(hook).position == 2)

    served(tmp_path, shop, act)
    pauses = [later.at - earlier.at for earlier, later in pairwise(shop.calls)]
    assert pauses == pytest.approx([HOUR, HOUR / 2], abs=3)


def test_success_needs_no_body(tmp_path: Path) -> None:
    """Any 2xx is success, also where the answer's body has no end."""
    shop = Receiver([_endless(200), 202, 299])

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2, 3, 4)
        async with place.couriers(hook):
            await place.until(lambda: place.status(hook).position == 4)

    served(tmp_path, shop, act)
    assert shop.seqs == [2, 3, 4]


def test_a_batch_stays_as_it_was_begun(tmp_path: Path) -> None:
    """What comes while a message is tried again waits for the next, which has up to a batch."""
    shop = Receiver([500])

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2, 3)
        async with place.couriers(hook) as couriers:
            await place.until(lambda: couriers.statuses["shop"].attempts == 1)
            await place.publish(4, 5, 6, 7)
            couriers.nudge()
            await place.until(lambda: place.status(hook).position == 7)

    served(tmp_path, shop, act, batch=3)
    assert [call.seqs for call in shop.calls] == [[2, 3], [2, 3], [4, 5, 6], [7]]
    assert shop.calls[0].id == shop.calls[1].id
    assert len({call.id for call in shop.calls}) == 3


def test_a_dead_receiver_holds_up_nobody_else(tmp_path: Path) -> None:
    """While one hangs, another one has its changes at once."""
    well = Receiver()

    async def act(place: Place, hook: Hook) -> None:
        async with well.listening():
            other = well.hook("well")
            async with place.couriers(hook, other) as couriers:
                await place.until(lambda: couriers.statuses["well"].position == 1)
                await place.publish(2, 3)
                couriers.nudge()
                began = place.clock.monotonic()
                await place.until(lambda: well.seqs == [2, 3])
                assert place.clock.monotonic() - began <= 1.0

    served(tmp_path, Receiver([_hang, _hang]), act)


def test_the_end_cuts_what_is_in_flight(tmp_path: Path) -> None:
    """Told to end during a call it ends at once; the next time the same message is sent again."""
    shop = Receiver([_hang])

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2)
        async with place.couriers(hook):
            await place.until(lambda: len(shop.calls) == 1)
            began = place.clock.monotonic()
        assert place.clock.monotonic() - began < 5
        async with place.couriers(hook):
            await place.until(lambda: place.status(hook).position == 2)

    served(tmp_path, shop, act)
    assert [call.seqs for call in shop.calls] == [[2], [2]]
    assert len({call.id for call in shop.calls}) == 1


def test_other_settings_take_the_message_over(tmp_path: Path) -> None:
    """With another address and batch the message under way goes there, then larger ones."""
    shop, moved = Receiver([500]), Receiver()

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2, 3, 4)
        async with place.couriers(hook) as couriers:
            await place.until(lambda: couriers.statuses["shop"].attempts == 1)
        async with moved.listening():
            hook = moved.hook(batch=10)
            async with place.couriers(hook):
                await place.until(lambda: place.status(hook).position == 4)

    served(tmp_path, shop, act)
    assert [call.seqs for call in (*shop.calls, *moved.calls)] == [[2], [2], [3, 4]]
    assert shop.calls[0].id == moved.calls[0].id


def test_a_clock_that_is_set_back_delays_nothing(tmp_path: Path) -> None:
    """A next try that lies further away than any pause is due at once."""
    shop = Receiver([410])

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2)
        async with place.couriers(hook) as couriers:
            await place.until(lambda: couriers.statuses["shop"].attempts == 1)
            place.clock.jump(-3 * DAY)
            await place.until(lambda: place.status(hook).position == 2, limit=2 * MINUTE)

    served(tmp_path, shop, act)


def test_no_secret_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither log nor delivery log nor status has the secret, or the address's path."""
    shop = Receiver([500, _hang, 410])

    async def act(place: Place, hook: Hook) -> None:
        await place.publish(2)
        async with place.couriers(hook):
            await place.until(lambda: place.status(hook).position == 2)
        told = f"{place.status(hook)} {deliveries(tmp_path, hook)}"
        assert SECRET not in told
        assert "/hook" not in told

    served(tmp_path, shop, act)
    out, err = capsys.readouterr()
    assert "410 Gone" in out
    assert SECRET not in out + err
    assert "/hook" not in out + err
