"""Every slow or endless server of test_slow in one process: prints its origin, serves for ever."""

from __future__ import annotations

import asyncio
import sys

from tests.fetch.conftest import FakeClock, FakeSite
from tests.fetch.test_bombs import serve_well
from tests.fetch.test_slow import scripts


async def main() -> None:
    """Serve until killed."""
    async with FakeSite(FakeClock()).running() as site:
        serve_well(site)
        for path, (script, _) in scripts(5).items():
            site.serve(path, script)
        sys.stdout.write(site.origin + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
