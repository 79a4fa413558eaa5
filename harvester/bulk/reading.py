"""One WARC file to what its pages say: the map, the same code on one core and on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import islice

from harvester.bulk.locations import WarcFile, opened
from harvester.errors import BadRecord, DiskError, NotAStory
from harvester.findings import Finding, find
from harvester.model import BodyMode, Decision, Page, Place, Scope, Verdict
from harvester.warc import Found, found_in
from harvester.zaobao import story_ref
from harvester.zaobao.sections import in_scope

REVISIT = "the same bytes as another capture"

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Job:
    """A file to be read, for stories of a scope (days of the address), in a body mode."""

    file: WarcFile
    scope: Scope
    mode: BodyMode


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and where its page lies; None where it is still to be kept."""

    finding: Finding
    place: Place | None


def read(job: Job) -> Iterator[Located]:
    """Yield what a file says of the stories of a job, in its order.

    Raises BadRecord where the file is damaged, DiskError where it cannot be read: what was yielded
    before is whole.
    """
    file = job.file
    if not file.size:
        raise BadRecord(file.name, 0, "it is empty, or not there")
    with opened(file.name) as stream:
        wanted = _Wanted(job.scope)
        for found in found_in(stream, file.name, wanted):
            yield Located(_finding(found, job.mode), found.place)


def chunks(found: Iterator[Located], size: int) -> Iterator[tuple[list[Located], str]]:
    """Yield findings, some at a time, each time with what is wrong with the file after them.

    The last may be empty. What was found before the damage is not lost with it.
    """
    problem = ""
    while not problem:
        taken: list[Located] = []
        try:
            taken.extend(islice(found, size))  # keeps what came before an error
        except (BadRecord, DiskError) as error:
            problem = str(error)
        if not taken and not problem:
            return
        yield taken, problem


class _Wanted:
    """Says whether an address is that of a story in scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __call__(self, url: str) -> bool:
        if "/story" not in url:  # most of what a crawl holds
            return False
        try:
            ref = story_ref(url)
        except NotAStory:
            return False
        return in_scope(ref, self._scope)


def _finding(found: Found, mode: BodyMode) -> Finding:
    ref = story_ref(found.target)
    bare = Page(ref.url, ref.url, found.status, b"", found.at)
    if why := _passed_by(found):
        return Finding(ref, bare, decision=Decision(Verdict.SKIPPED, why))
    try:
        page = found.page(ref.url)
    except BadRecord as error:
        return Finding(ref, bare, decision=Decision(Verdict.FAILED, error.problem))
    if page.fetched_at > datetime.now(UTC) + _DAY:
        return Finding(ref, bare, decision=Decision(Verdict.FAILED, "captured in the future"))
    return find(page, ref, mode)


def _passed_by(found: Found) -> str:
    """Return why a record says nothing of a story; empty for a page, and where one is gone."""
    if found.revisit:
        return REVISIT
    if found.is_page or found.status in _GONE:
        return ""
    return "no HTML" if found.status == HTTPStatus.OK else f"answered {found.status}"
