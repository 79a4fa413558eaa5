"""Where a hook begins, what moves it, and what it does when the change log is another one."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from harvester.handoff.consumers import ConsumerLost
from harvester.handoff.hooks import Couriers, open_ledger, replay
from harvester.handoff.hooks.courier import LONGEST_PAUSE, pause
from harvester.handoff.hooks.ledger import DELIVERED, KEPT_FOR, KEPT_TRIES, Delivery
from harvester.handoff.hooks.message import Outcome
from harvester.settings import Hook
from harvester.store import CATALOGUE, open_archive
from tests.handoff.hooks.support import (
    MINUTE,
    Place,
    Receiver,
    deliveries,
    live,
    publish,
    rewind,
    status,
)


def served(root: Path, act: Callable[[Place, Receiver], Awaitable[None]]) -> Receiver:
    """Run `act` with a receiver that listens; return it."""
    shop = Receiver()

    async def main(place: Place) -> None:
        async with shop.listening():
            await act(place, shop)

    live(root, main)
    for call in shop.calls:
        call.verify()
    return shop


async def _seen(place: Place, couriers: Couriers) -> None:
    await place.until(lambda: couriers.statuses["shop"].position is not None)


def test_a_new_hook_begins_with_what_comes(tmp_path: Path) -> None:
    """What was there before is not told; what comes is, also while nobody was at work."""

    async def act(place: Place, shop: Receiver) -> None:
        await place.publish(1, 2)
        hook = shop.hook()
        async with place.couriers(hook) as couriers:
            await _seen(place, couriers)
        await place.publish(3)
        await place.publish(2, text="another text")
        async with place.couriers(hook):
            await place.until(lambda: shop.seqs == [3, 4])

    shop = served(tmp_path, act)
    (change,) = shop.changes(1)
    assert (change["op"], change["story_id"], change["revision"]) == ("revised", "1000002", 2)


def test_a_hook_of_an_empty_archive_is_told_all(tmp_path: Path) -> None:
    """The first change after its first sight is told, also if the program is killed between."""

    async def act(place: Place, shop: Receiver) -> None:
        await place.publish()
        hook = shop.hook()
        async with place.couriers(hook) as couriers:
            await _seen(place, couriers)
        assert place.status(hook).position == 0
        await place.publish(1, 2)
        async with place.couriers(hook):
            await place.until(lambda: shop.seqs == [1, 2])

    served(tmp_path, act)


def test_a_replay_is_noticed(tmp_path: Path) -> None:
    """Set back by another process, a hook hears what came after the number again, as new."""

    async def act(place: Place, shop: Receiver) -> None:
        await place.publish(1, 2, 3)
        hook = shop.hook()
        async with place.couriers(hook) as couriers:
            await _seen(place, couriers)
            for since in (0, 2, 3):
                rewind(tmp_path, hook, since)
                await place.clock.sleep(2 * MINUTE)

    shop = served(tmp_path, act)
    assert shop.seqs == [1, 2, 3, 3]
    assert len({call.id for call in shop.calls}) == 4


def test_a_replay_during_a_call_is_not_lost(tmp_path: Path) -> None:
    """What is in flight does not move a hook that was set back meanwhile."""

    async def act(place: Place, shop: Receiver) -> None:
        hook = shop.hook()

        async def set_back(_: web.BaseRequest) -> web.StreamResponse:
            await asyncio.to_thread(rewind, tmp_path, hook)
            return web.Response()

        await place.publish(1, 2)
        rewind(tmp_path, hook)
        shop.answers = [204, set_back]
        async with place.couriers(hook):
            await place.until(lambda: len(shop.calls) == 4)

    assert served(tmp_path, act).seqs == [1, 2, 1, 2]


def test_a_replay_ends_a_pause(tmp_path: Path) -> None:
    """A hook that waits for an hour goes on within a minute when it is set back."""

    async def act(place: Place, shop: Receiver) -> None:
        shop.answers = [410]
        hook = shop.hook()
        await place.publish(1)
        rewind(tmp_path, hook)
        async with place.couriers(hook) as couriers:
            await place.until(lambda: couriers.statuses["shop"].attempts == 1)
            rewind(tmp_path, hook)
            await place.until(lambda: shop.seqs == [1, 1], limit=2 * MINUTE)
            await place.until(lambda: not couriers.statuses["shop"].problem)

    served(tmp_path, act)


def test_another_change_log_is_told(tmp_path: Path) -> None:
    """Where the catalogue is another one nothing is sent before somebody says where to begin."""

    async def act(place: Place, shop: Receiver) -> None:
        await place.publish(1, 2)
        hook = shop.hook()
        async with place.couriers(hook) as couriers:
            await _seen(place, couriers)
            shutil.rmtree(tmp_path / "seeds")
            (tmp_path / "state" / CATALOGUE).unlink()
            await place.publish(3, 4, 5)
            await place.until(lambda: "another change log" in couriers.statuses["shop"].problem)
            assert place.status(hook).problem.startswith("hook 'shop' has had entry 2 of another")
            assert "harvester hooks replay shop --since SEQ" in place.status(hook).problem
            assert "--since 0" not in place.status(hook).problem
            assert shop.calls == []
            rewind(tmp_path, hook)
            await place.until(lambda: shop.seqs == [1, 2, 3])
            await place.until(lambda: not couriers.statuses["shop"].problem)

    served(tmp_path, act)


@pytest.mark.parametrize("others", [(6, 7), (6,), (6, 7, 8)], ids=["as-long", "shorter", "longer"])
def test_a_message_of_another_change_log_is_given_up(
    tmp_path: Path, others: tuple[int, ...]
) -> None:
    """Other changes never come under the id of a message that a receiver may know already."""

    async def act(place: Place, shop: Receiver) -> None:
        await place.publish(1, 2, 3)
        shop.answers = [410]
        hook = shop.hook(batch=2)
        async with place.couriers(hook) as couriers:
            await _seen(place, couriers)
        restore = _copied(tmp_path)
        await place.publish(4, 5)
        async with place.couriers(hook) as couriers:
            await place.until(lambda: couriers.statuses["shop"].attempts == 1)
        restore()
        await place.publish(*others)
        async with place.couriers(hook):
            until = 3 + len(others)
            await place.until(lambda: place.status(hook).position == until, limit=MINUTE)

    shop = served(tmp_path, act)
    assert len({call.id for call in shop.calls}) == len(shop.calls)
    told = [change["story_id"] for n in range(len(shop.calls)) for change in shop.changes(n)]
    assert told == [f"100000{number}" for number in (4, 5, *others)]


def test_a_restored_log_without_the_message(tmp_path: Path) -> None:
    """The message is forgotten at once: what fills its numbers later is another one."""

    async def act(place: Place, shop: Receiver) -> None:
        await place.publish(1)
        shop.answers = [410]
        hook = shop.hook()
        async with place.couriers(hook) as couriers:
            await _seen(place, couriers)
            restore = _copied(tmp_path)
            await place.publish(2)
            await place.until(lambda: couriers.statuses["shop"].attempts == 1)
            restore()
            await place.until(lambda: not couriers.statuses["shop"].problem, limit=2 * MINUTE)
            await place.publish(3)
            await place.until(lambda: place.status(hook).position == 2, limit=2 * MINUTE)

    shop = served(tmp_path, act)
    assert shop.seqs == [2, 2]
    assert shop.calls[0].id != shop.calls[1].id


def _copied(root: Path) -> Callable[[], None]:
    """Copy posts and catalogue; return what puts the copies back."""
    copy, catalogue = root / "copy", root / "state" / CATALOGUE
    shutil.copytree(root / "seeds", copy / "seeds")
    shutil.copy(catalogue, copy)

    def restore() -> None:
        shutil.rmtree(root / "seeds")
        shutil.copytree(copy / "seeds", root / "seeds")
        shutil.copy(copy / CATALOGUE, catalogue)

    return restore


def test_what_breaks_is_told_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing catalogue and a ruined file of positions raise nothing, and can be mended."""

    async def act(place: Place, shop: Receiver) -> None:
        (tmp_path / "state").mkdir()
        ruined = tmp_path / "state" / "consumers.db"
        hook = shop.hook()
        async with place.couriers(hook) as couriers:
            await place.until(lambda: "no catalogue yet" in couriers.statuses["shop"].problem)
            await place.publish(1)
            await _seen(place, couriers)
            ruined.write_bytes(b"no database" * 1000)
            await place.until(lambda: "not a database" in couriers.statuses["shop"].problem)
            await place.clock.sleep(10 * MINUTE)
            ruined.unlink()
            await place.until(lambda: not couriers.statuses["shop"].problem)
            await place.publish(2)
            await place.until(lambda: shop.seqs == [2])

    served(tmp_path, act)
    told = capsys.readouterr().out
    assert told.count("no catalogue yet") == 1
    assert told.count("not a database") == 1


def test_what_is_delivered_is_remembered_without_the_archive(tmp_path: Path) -> None:
    """A catalogue that vanishes during a call does not make the same be told again."""

    async def act(place: Place, shop: Receiver) -> None:
        catalogue, away = tmp_path / "state" / CATALOGUE, tmp_path / "away"

        async def vanish(_: web.BaseRequest) -> web.StreamResponse:
            catalogue.rename(away)
            return web.Response()

        await place.publish(1, 2)
        hook = shop.hook()
        rewind(tmp_path, hook)
        shop.answers = [vanish]
        async with place.couriers(hook) as couriers:
            await place.until(lambda: "no catalogue yet" in couriers.statuses["shop"].problem)
            away.rename(catalogue)
            await place.until(lambda: couriers.statuses["shop"].position == 2)

    assert served(tmp_path, act).seqs == [1, 2]


def test_a_bug_does_not_reach_the_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What nobody expected is logged with its traceback, once, and the hook is looked at again."""

    async def act(place: Place, shop: Receiver) -> None:
        await place.publish(1)
        broken = Hook("shop", url="http://127.0.0.1:1/", secret="whsec_!")  # noqa: S106
        rewind(tmp_path, broken)
        async with place.couriers(broken) as couriers:
            await place.until(lambda: "Error" in couriers.statuses["shop"].problem)
            await place.clock.sleep(10 * MINUTE)
        assert shop.calls == []

    served(tmp_path, act)
    assert capsys.readouterr().out.count("Traceback") == 1


def test_without_hooks_nothing_is_done(tmp_path: Path) -> None:
    """Nothing is opened or made for a daemon without hooks."""

    async def act(place: Place) -> None:
        async with place.couriers() as couriers:
            couriers.nudge()
            await place.clock.sleep(MINUTE)
        assert couriers.statuses == {}

    live(tmp_path, act)
    assert list(tmp_path.iterdir()) == []


# --- pure ---


@pytest.mark.parametrize(
    ("attempts", "longest"), [(1, 1), (2, 2), (5, 16), (12, 2048), (13, 3600), (10_000, 3600)]
)
def test_pauses_double_up_to_an_hour(attempts: int, longest: float) -> None:
    """From a second to an hour; half of it is left to chance."""
    assert pause(Outcome("x"), attempts, 0.0) == longest
    assert pause(Outcome("x"), attempts, 1.0) == longest / 2


def test_pauses_that_are_longer() -> None:
    """A refusal makes an hour of it; what the receiver asks for is the least."""
    assert pause(Outcome("x", refused=True), 1, 0.0) == LONGEST_PAUSE
    assert pause(Outcome("x", retry_after=90), 1, 0.5) == 90
    assert pause(Outcome("x", retry_after=90), 20, 0.0) == LONGEST_PAUSE


# --- the ledger ---


async def test_the_delivery_log_is_bounded(tmp_path: Path) -> None:
    """Of each hook the newest 10,000 tries are kept, and nothing older than 30 days."""
    await publish(tmp_path, 1)
    hook, other = Hook("a", ("true",)), Hook("b", ("true",))
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def delivery(name: str, number: int, at: datetime) -> Delivery:
        return Delivery(name, f"msg_{number}", 1, 1, at, 1, 0.1, DELIVERED, "")

    with open_archive(tmp_path / "seeds", tmp_path / "state") as archive:
        (change,) = archive.changes()
    with open_ledger(tmp_path / "state") as ledger:
        ledger.succeeded(delivery("b", 0, now), change)
        ledger.succeeded(delivery("a", 0, now), change)
    with sqlite3.connect(tmp_path / "state" / "consumers.db") as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10100) "
            "INSERT INTO deliveries (hook, message, first_seq, last_seq, at, attempt, seconds, "
            "outcome, output) SELECT 'a', 'msg_' || i, 1, 1, ?, 1, 0.1, 'x', '' FROM n",
            (now.isoformat(),),
        )
    connection.close()
    with open_ledger(tmp_path / "state") as ledger:
        ledger.succeeded(delivery("a", 10_101, now), change)
        kept = ledger.deliveries("a", 20_000)
        assert len(kept) == KEPT_TRIES
        assert kept[-1].message == "msg_10101"
        ledger.succeeded(delivery("a", 1, now + KEPT_FOR + timedelta(seconds=1)), change)
        assert len(ledger.deliveries("a", 20_000)) == 1

    assert len(deliveries(tmp_path, other)) == 1
    assert status(tmp_path, hook).position is None


def test_a_look_opens_the_ledger_once(tmp_path: Path) -> None:
    """Every hook is looked at each minute: its file is opened once for that."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from harvester.handoff.hooks import open_ledger\n"
        "sys.addaudithook(lambda event, _: event == 'sqlite3.connect' and print(event))\n"
        "with open_ledger(Path()) as ledger: assert not ledger.knows('site')\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert told.stdout.split() == ["sqlite3.connect"]


async def test_a_hook_goes_only_where_the_log_is(tmp_path: Path) -> None:
    """A replay after an entry that is not there is refused, and moves nothing."""
    await publish(tmp_path, 1, 2)
    hook = Hook("a", ("true",))

    with (
        open_archive(tmp_path / "seeds", tmp_path / "state") as archive,
        open_ledger(tmp_path / "state") as ledger,
    ):
        assert replay(hook, 0, archive, ledger) == 2
        assert replay(hook, 2, archive, ledger) == 0
        with pytest.raises(ConsumerLost, match="the change log has no entry 3"):
            replay(hook, 3, archive, ledger)
    assert status(tmp_path, hook).position == 2
