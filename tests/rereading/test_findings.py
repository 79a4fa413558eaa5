"""What is said of a page that is kept, where its record is not what its row says."""

from __future__ import annotations

import io
from dataclasses import replace

from harvester.findings import Finding, Kept, find_kept
from harvester.model import Place, Verdict
from harvester.warc import pack
from tests.warc.records import FILE, look


def found_with(same: bool) -> Finding:
    """Return the finding on a page whose record says that another has its body, or not."""
    capture, exchange = look()
    data, length = pack(capture, exchange, capture if same else None)
    place = Place(FILE, 0, length)

    def open_at(_: str, offset: int) -> io.BytesIO:
        return io.BytesIO(data[offset:])

    (finding,) = find_kept(open_at, [Kept(replace(capture, place=place), place)])
    return finding


def test_a_revisit_has_no_body() -> None:
    """Where no record has the body the page is lost: nothing is said of its story."""
    finding = found_with(same=True)
    assert finding.lost
    assert finding.decision
    assert finding.decision.verdict is Verdict.FAILED
    assert "a revisit" in finding.decision.reason
    assert not found_with(same=False).lost
