"""Content codings, undone step by step."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.coding import CODINGS, BadCoding, TooMuch, unpacked
from tests.support.codings import packed

KNOWN = (*CODINGS.split(", "), "zstd")


@given(st.binary(max_size=300_000), st.sampled_from([*KNOWN, "x-gzip", ""]))
def test_what_was_packed_comes_out_again(data: bytes, coding: str) -> None:
    """Every coding that is offered is undone, and none is none."""
    assert unpacked(packed(data, coding), coding, len(data)) == data


@pytest.mark.parametrize("coding", KNOWN)
def test_a_body_that_is_cut_is_not_taken_for_a_short_one(coding: str) -> None:
    """Where the end of a packed body is missing, nothing comes out of it."""
    with pytest.raises(BadCoding):
        unpacked(packed(b"a story " * 1000, coding)[:-1], coding, 1_000_000)


def test_what_unfolds_to_too_much_is_refused() -> None:
    """A bomb stops at the cap, and so does one of many small members."""
    with pytest.raises(TooMuch):
        unpacked(gzip.compress(bytes(1001)), "gzip", 1000)
    with pytest.raises(TooMuch):
        unpacked(gzip.compress(b"") * 101, "gzip", 1000)


def test_a_coding_that_nobody_knows_is_refused() -> None:
    """An unknown coding is an error, not a body."""
    with pytest.raises(BadCoding, match="'compress'"):
        unpacked(b"x", "compress", 1000)
