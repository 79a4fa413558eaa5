"""Pure decisions: content hash, verdict, next check. No I/O, no clock: plain values in and out."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from harvester.model import (
    Access,
    Decision,
    Draft,
    Known,
    StoryRef,
    Validators,
    Verdict,
    Visit,
    VisitState,
)

# Changes with the rule below, so that a later rule can be told from an edit.
HASH_VERSION = "v1"

# White space, controls and format marks: a fixed list, for the tables of Python's releases differ.
_INVISIBLE = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+"
)
# The marks that NFKC changes in nearly every text of this newspaper; often they are all it changes.
_WIDE = {mark: unicodedata.normalize("NFKC", mark) for mark in "，：；？！（）％"}
# Ideographs are the same before and after NFKC and join with nothing, so only the runs between
# them need it, mostly a few marks of punctuation: four times as fast on this newspaper's text.
_NOT_IDEOGRAPHS = re.compile(r"[^\u4e00-\u9fff]+")
_SOON = timedelta(minutes=5)
_TEN_MINUTES = timedelta(minutes=10)
_AGAIN = timedelta(minutes=15)
_ODD = timedelta(minutes=45)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_PAUSE_MAX = timedelta(days=30)
_PATIENCE = 2
# The ages, since publication, at which a story is looked at again: most edits come early.
RECHECK_AGES = (_HOUR, 4 * _HOUR, _DAY, 3 * _DAY, 10 * _DAY, 30 * _DAY)
# A story is gone when it was missing at every look for so long; the looks are days apart.
_GONE_AFTER = 3 * _DAY
# The reason of a visit that was answered with 404 or 410.
MISSING = "missing"
# The reason of a visit that showed another text: it is looked at twice before it is written.
CHANGED = "changed"
# How the reason of a visit begins whose text was held back, or could not be read, and of one that
# was so along with others.
DOUBTFUL = "doubtful"
UNREADABLE = "unreadable"
DRIFTING = "drifting"
# A run in which so many held stories, and this share of those looked at, show another text met a
# redesign or a defect, not edits (threat: all stories "revised").
_MASS_LEAST = 10
_MASS_SHARE = 0.2
# Reasons that may pass: the site was in the way, not the story.
PASSING = frozenset({"challenge", "consent", "login", "maintenance"})
# Reasons that a story may outgrow: it appears later, begins as a headline, or is set free.
_UNRIPE = frozenset({MISSING, "soft-404", "redirected", "listing", "thin", "robots"})


def content_hash(title: str, blocks: Iterable[str]) -> str:
    """Return `v1:` and the SHA-256 (hex) of what was said: title and body text.

    Compared are the visible characters after NFKC. White space and block borders do not count: old
    posts lost their line ends, and layouts wrap the same text differently. Title and text are told
    apart. Captions, advertisements and marks of the page are not among the blocks.
    """
    said = f"{_folded(title)}\n{_folded(''.join(blocks))}".encode("utf-8", "replace")
    return f"{HASH_VERSION}:{hashlib.sha256(said).hexdigest()}"


def decide(known: Known | None, twin: str | None, draft: Draft) -> Decision:
    """Return the verdict on a draft.

    `known` is what the catalogue holds of this story, `twin` another story with the same hash.
    """
    if known is None:
        if twin is not None:
            return Decision(Verdict.DUPLICATE, f"same text as story {twin}")
        return Decision(Verdict.NEW)
    if draft.reread_of is not None:
        return _of_another_reader(known, draft, draft.reread_of)
    if draft.content_hash == known.content_hash:
        return Decision(Verdict.UNCHANGED)
    return _of_another_text(known, draft)


def _of_another_reader(known: Known, draft: Draft, before: str) -> Decision:
    """Judge the page of the text that is held, read again.

    A file that the reader before made is made anew where the new one makes another; any other
    (imported, or in the other mode) only for another text.
    """
    made = known.sha256 == before
    if draft.sha256 == known.sha256 or (not made and draft.content_hash == known.content_hash):
        return Decision(Verdict.UNCHANGED)
    return Decision(Verdict.REVISED, "read again")


def _of_another_text(known: Known, draft: Draft) -> Decision:
    if draft.article.access is Access.PREVIEW and known.access is Access.FULL:
        return Decision(Verdict.UNCHANGED, "only a preview is served now; the full text is kept")
    if draft.observed_at > known.observed_at:
        return Decision(Verdict.REVISED)
    if draft.content_hash in known.hashes:
        return Decision(Verdict.UNCHANGED, "an earlier text that is held already", archival=True)
    return Decision(Verdict.REVISED, "older than the text that is held", archival=True)


def is_due(ref: StoryRef, visit: Visit | None, now: datetime) -> bool:
    """Say whether a run must ask for a story's page.

    Yes if it never was, if the sitemap's hint of a change is news, if it failed at most twice so
    far, or if the last visit left a time for the next one that has come. Stories that are held
    and well are looked at again by the daemon, at the times in their rows, not by every run.
    """
    if visit is None or visit.state is VisitState.PENDING or is_heard_of(ref, visit, now):
        return True
    if visit.state is VisitState.FAILED and visit.failures <= _PATIENCE:
        return True
    if visit.state is VisitState.HELD and not visit.failures and visit.reason != CHANGED:
        return False
    return visit.next_check_at is not None and visit.next_check_at <= now


def is_heard_of(ref: StoryRef, visit: Visit, now: datetime) -> bool:
    """Say whether the sitemap's hint of a change came after the last visit."""
    return ref.lastmod is not None and _is_news(ref.lastmod, ref.url == visit.url, visit, now)


def is_gone(visit: Visit) -> bool:
    """Say whether a story answered 404 or 410 at a look days ago and does now, unseen between."""
    since = visit.missing_since if visit.reason == MISSING else None
    return since is not None and visit.checked_at - since >= _GONE_AFTER


def is_mass(revised: int, looked: int) -> bool:
    """Say whether so many other texts among held stories looked at are no edits any more."""
    return revised >= _MASS_LEAST and revised > _MASS_SHARE * looked


def visited(
    ref: StoryRef,
    before: Visit | None,
    state: VisitState,
    at: datetime,
    *,
    reason: str = "",
    validators: Validators | None = None,
    published: datetime | None = None,
) -> Visit:
    """Return the mark of a visit that ended in `state` with `reason`.

    A story that is held stays held, with its validators, when its page cannot be had. The
    sitemap's hint is kept where the address came without one.
    """
    missed = state in (VisitState.REJECTED, VisitState.FAILED)
    failures = 1 + (before.failures if before else 0) if missed else 0
    held = before if missed and before and before.state is VisitState.HELD else None
    published = published or (before.published if before else None)
    return Visit(
        story_id=ref.story_id,
        url=held.url if held else ref.url,
        state=VisitState.HELD if held else state,
        checked_at=at,
        reason=reason,
        failures=failures,
        next_check_at=_next_check(state, reason, failures, at, published),
        validators=held.validators if held else validators or Validators(),
        lastmod=ref.lastmod or (before.lastmod if before else None),
        published=published,
        missing_since=_missing_since(reason, before, at) if missed else None,
    )


def _is_news(lastmod: str, of_visit: bool, visit: Visit, now: datetime) -> bool:
    """Compare a hint with the one of the last visit, else with the time of that visit.

    A hint is compared with itself where possible, for it can lie in the future; two addresses of a
    story have hints of their own.
    """
    if visit.lastmod is not None and of_visit:
        return lastmod != visit.lastmod
    try:
        changed = datetime.fromisoformat(lastmod)
    except ValueError:
        return False
    changed = changed if changed.tzinfo else changed.replace(tzinfo=UTC)
    return visit.checked_at < changed <= now


def _missing_since(reason: str, before: Visit | None, at: datetime) -> datetime | None:
    """Return since when nothing is there; a look that failed in another way says nothing of it."""
    since = before.missing_since if before else None
    return since or (at if reason == MISSING else None)


def _next_check(
    state: VisitState, reason: str, failures: int, now: datetime, published: datetime | None
) -> datetime | None:
    """Return when to look again at a story whose visit ended so, or None for: when it is heard of.

    What failed is due again soon; from the third time on it rests, so that stories that fail for
    ever do not hold up the others. What was missing or hidden behind another page rests too. What
    is held is looked at again at growing ages.
    """
    if reason == CHANGED:
        return now + _AGAIN
    if state is VisitState.HELD and published:
        return next((published + age for age in RECHECK_AGES if published + age > now), None)
    if state is VisitState.FAILED:
        return now + _after_failure(reason, failures)
    if state is VisitState.REJECTED and reason in PASSING:
        return now + _pause(_TEN_MINUTES, failures)
    if state is VisitState.REJECTED and reason in _UNRIPE:
        return now + _pause(_DAY, failures)
    return None


def _after_failure(reason: str, failures: int) -> timedelta:
    """Return the pause after a failure.

    A page that is odd waits for others to be seen, one of many for a mended reader.
    """
    if reason.startswith(DRIFTING):
        return _pause(12 * _HOUR, failures)
    if reason.startswith((DOUBTFUL, UNREADABLE)):
        return _pause(_ODD, failures)
    return _SOON * failures**2 if failures <= _PATIENCE else _pause(_HOUR, failures - _PATIENCE)


def _pause(first: timedelta, times: int) -> timedelta:
    """Return a pause that doubles each time, up to 30 days."""
    return min(_PAUSE_MAX, first * (1 << min(times - 1, 12)))


def _folded(text: str) -> str:
    said = _visible(text)
    for wide, narrow in _WIDE.items():
        said = said.replace(wide, narrow)
    if unicodedata.is_normalized("NFKC", said):
        return said
    normal = _normalised(said)
    bare = _INVISIBLE.sub("", normal)
    # Where NFKC made blanks, what no longer stands apart may combine.
    return normal if bare == normal else _normalised(bare)


def _visible(text: str) -> str:
    bare = "".join(text.split())
    # Nothing invisible is printable, by the tables of any release: nearly no text must be searched.
    return bare if bare.isprintable() else _INVISIBLE.sub("", bare)


def _normalised(text: str) -> str:
    return _NOT_IDEOGRAPHS.sub(lambda run: _nfkc(run[0]), text)


@lru_cache(maxsize=2_048)
def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
