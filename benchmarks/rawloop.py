"""The least that asks for pages: `python -m benchmarks.rawloop ORIGIN CONCURRENCY < ADDRESSES`.

aiohttp asks for every address, unpacks the answer and throws it away. Prints the seconds from the
first request to the last answer, the answers that were good, and the bytes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import aiohttp


async def fetch_all(origin: str, paths: list[str], concurrency: int) -> dict[str, float]:
    """Ask for every path, so many at once."""
    left, sizes = iter(paths), list[int]()
    begun = time.perf_counter()
    async with aiohttp.ClientSession(origin) as session, asyncio.TaskGroup() as tasks:
        for _ in range(concurrency):
            tasks.create_task(_worker(session, left, sizes))
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "good": len(sizes), "bytes": sum(sizes)}


async def _worker(session: aiohttp.ClientSession, left: Iterator[str], sizes: list[int]) -> None:
    for path in left:
        async with session.get(f"/{path}") as answer:
            answer.raise_for_status()
            sizes.append(len(await answer.read()))


def main() -> None:
    """Ask for what stands on standard input."""
    told = asyncio.run(fetch_all(sys.argv[1], sys.stdin.read().split(), int(sys.argv[2])))
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main()
