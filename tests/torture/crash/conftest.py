"""What runs operations of the store under strace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.handoff.follower_archive import quick_folder
from tests.torture.crash.tracer import Tracer, open_tracer


@pytest.fixture(scope="module")
def tracer() -> Iterator[Tracer]:
    """Return what runs operations under strace; skip where it is absent or may not trace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: no call is killed, failed or checked for its order")
    with quick_folder() as folder, open_tracer(strace, folder) as found:
        try:
            found.run("first start", found.copy("first start"))
        except PermissionError as problem:
            pytest.skip(f"strace may not attach here, so no call is killed or failed: {problem}")
        yield found
