"""Run the replica by hand: `python -m harvester.replica [--port N] [--stories N]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

from harvester.replica.server import ReplicaServer
from harvester.replica.site import Site


def main() -> None:
    """Serve the hand-arranged site, or N generated stories, until Ctrl-C; print the origin."""
    parser = argparse.ArgumentParser(prog="python -m harvester.replica", description=main.__doc__)
    parser.add_argument(
        "--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)"
    )
    parser.add_argument("--stories", type=int, default=0, help="serve that many generated stories")
    options = parser.parse_args()
    site = Site.bulk(options.stories) if options.stories else Site.arranged()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(site, options.port))


async def _serve(site: Site, port: int) -> None:
    async with ReplicaServer(site, port) as server:
        sys.stdout.write(f"{server.origin}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
