"""The programs that the tests with a browser need."""

from __future__ import annotations

import pytest

from tests.docs.conftest import program


@pytest.fixture
def jekyll() -> str:
    """Return the path of jekyll; skip where it is absent."""
    return program("jekyll")
