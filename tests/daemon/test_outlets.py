"""What the daemon hands on while it works: manifest, feeds, hooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import feedparser
import pytest
from aiohttp import web

from tests.daemon.support import World, live
from tests.handoff.hooks.support import DAY, HOUR, MINUTE, Receiver

Act = Callable[[World], Awaitable[None]]


def manifest(world: World) -> dict[str, str]:
    """Return path and SHA-256 of each line."""
    data = (world.settings.seeds / "MANIFEST.jsonl").read_bytes()
    lines = map(json.loads, data.splitlines())
    return {line["path"]: line["sha256"] for line in lines}


def numbers(world: World) -> list[int]:
    """Return the numbers of all changes."""
    with world.reader() as archive:
        return [change.seq for change in archive.changes()]


def test_files_follow_within_minutes(tmp_path: Path) -> None:
    """While the daemon works, manifest and feeds tell of stories minutes after they came.

    Also of the last one, after which nothing is written for a while.
    """

    async def act(world: World) -> None:
        async with world.daemon():
            await world.sleep(HOUR)
            world.publish()
            story = world.publish()
            await world.sleep(15 * MINUTE)
            held = world.read()
            assert story.story_id in held
            for row in held.values():
                data = (world.settings.seeds / row.path).read_bytes()
                assert manifest(world)[row.path] == sha256(data).hexdigest()
            for name in ("all", "realtime/china"):
                feed = feedparser.parse(world.settings.seeds / "feeds" / f"{name}.atom")
                assert not feed.bozo
                assert story.title in {entry.title for entry in feed.entries}

    live(tmp_path, act)


async def _hang(_: web.BaseRequest) -> web.StreamResponse:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


@pytest.mark.parametrize("answer", [500, _hang, None], ids=["500", "hangs", "is gone"])
def test_a_dead_receiver_holds_up_nothing(tmp_path: Path, answer: Any) -> None:  # noqa: ANN401
    """For a day nothing can be delivered: stories come as ever, and then all changes, in order."""
    shop = Receiver()

    async def act(world: World) -> None:
        async with shop.listening():
            pass  # its port is known
        world.settings = replace(world.settings, hooks=(shop.hook(batch=5),))
        async with world.daemon():
            await world.sleep(HOUR)
            begun = len(numbers(world))
            if answer is not None:
                shop.answers = [answer] * 1000
                async with shop.listening():
                    await _publish_for_a_day(world)
            else:
                await _publish_for_a_day(world)
            shop.answers.clear()
            shop.calls.clear()
            async with shop.listening():
                await world.sleep(2 * HOUR)
        assert len(numbers(world)) >= begun + 8
        assert shop.seqs == numbers(world)[-len(shop.seqs) :]
        assert len(shop.seqs) >= 8

    live(tmp_path, act)
    for call in shop.calls:
        call.verify()


async def _publish_for_a_day(world: World) -> None:
    for _ in range(8):
        story = world.publish()
        await world.sleep(DAY / 8)
        row = world.read()[story.story_id]
        # By night, with few stories, a list is asked every hour.
        assert (row.first_seen - row.published).total_seconds() < 70 * MINUTE
