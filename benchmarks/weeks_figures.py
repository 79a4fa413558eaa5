"""What became of the plan: figures from the catalogue, the site's own log and the daemon's log."""

from __future__ import annotations

import json
import sqlite3
import statistics
import zlib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.weeks_plan import Edit, Plan, Publish, Remove
from harvester.drafts import draft_of_post
from harvester.judge import content_hash
from harvester.replica.server import Request
from harvester.replica.story import SITE_ZONE

NIGHT_ENDS = timedelta(hours=3)
"""After midnight of Singapore: by then the day before must have been reconciled."""

DAY = timedelta(days=1)
_MORNING = 6
# The catalogue keeps whole seconds.
_BLUR = timedelta(seconds=2)

Span = tuple[datetime, datetime]
Versions = dict[str, list[tuple[datetime, str]]]
"""By story, from when on which content hash: as shown by the site, or as stored."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the daemon's log tells of an alarm that began."""

    at: datetime
    section: str
    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Observed:
    """What is left of a run, beside the truth; `requests` have their time on the wall clock."""

    plan: Plan
    truth: Versions
    stored: Versions
    polls: tuple[datetime, ...]
    requests: tuple[tuple[datetime, Request], ...]
    alarms: tuple[Alarm, ...]


def observe(plan: Plan, catalogue: Path, log: Path, requests: Iterable[Request]) -> Observed:
    """Read what a run left; the posts themselves are read again for what they say."""
    stored: Versions = defaultdict(list)
    with closing(sqlite3.connect(f"{catalogue.absolute().as_uri()}?mode=ro", uri=True)) as rows:
        query = "SELECT story_id, stored_at, post FROM revisions ORDER BY story_id, revision"
        for story_id, at, post in rows.execute(query):
            text = draft_of_post(zlib.decompress(post)).content_hash
            stored[story_id].append((datetime.fromisoformat(at), text))
        polls = [datetime.fromisoformat(at) for (at,) in rows.execute("SELECT at FROM polls")]
    timed = tuple((plan.start + timedelta(seconds=each.at), each) for each in requests)
    told = tuple(_alarms(log))
    return Observed(plan, shown(plan), dict(stored), tuple(sorted(polls)), timed, told)


def _alarms(log: Path) -> Iterable[Alarm]:
    for line in log.read_text("utf-8").splitlines():
        said = json.loads(line)
        if said["event"] == "drift":
            at = datetime.fromisoformat(said["timestamp"])
            yield Alarm(at, said["section"], said["sign"], said["text"])


def shown(plan: Plan) -> Versions:
    """Return what the site showed, by story."""
    versions: Versions = defaultdict(list)
    for story in (*plan.before, *(action.story for action in plan.published)):
        text = content_hash(story.title, story.blocks)
        versions[story.story_id].append((story.published, text))
    for action in plan.actions:
        if isinstance(action, Edit):
            text = content_hash(action.title, action.blocks)
            versions[action.story_id].append((action.at, text))
    return versions


def shares(seen: Observed) -> dict[str, float]:
    """Return by Singapore day which share of its stories was held when the night was over.

    Stories that were taken away before then and were never seen are left out.
    """
    removed = {a.story_id: a.at for a in seen.plan.actions if isinstance(a, Remove)}
    held: defaultdict[str, list[bool]] = defaultdict(list)
    for action in seen.plan.published:
        story_id, deadline = action.story.story_id, _end_of_night(action.at)
        stored = seen.stored.get(story_id)
        is_held = stored is not None and stored[0][0] <= deadline
        if is_held or removed.get(story_id, deadline) >= deadline:
            held[_day(action.at)].append(is_held)
    return {day: sum(each) / len(each) for day, each in held.items()}


def unreadable_days(plan: Plan) -> set[str]:
    """Return the days at the end of whose night no page could be read."""
    spans = plan.redesigns
    return {
        _day(action.at)
        for action in plan.published
        if any(begun <= _end_of_night(action.at) < until for begun, until in spans)
    }


def delays(seen: Observed, spans: Sequence[Span] = ()) -> tuple[list[float], list[float]]:
    """Return the minutes from publication to file, by day (06 to 24 h) and by night.

    Stories published within `spans` are left out, and those that never came.
    """
    by_day: list[float] = []
    by_night: list[float] = []
    for action in seen.plan.published:
        first = seen.stored.get(action.story.story_id)
        if not first or any(begun <= action.at < until for begun, until in spans):
            continue
        hour = action.at.astimezone(SITE_ZONE).hour
        minutes = max((first[0][0] - action.at) / timedelta(minutes=1), 0.0)
        (by_day if hour >= _MORNING else by_night).append(minutes)
    return by_day, by_night


def edits(seen: Observed) -> dict[str, tuple[int, int]]:
    """Return how many edits were held within a day, of how many.

    `all told`; then `all`, `loud` and `silent` (as to the sitemap) of those in whose day pages
    could be read. An edit counts unless the story was edited again within its day, or the run ended
    before.
    """
    spans = seen.plan.redesigns
    tally = {kind: [0, 0] for kind in ("all told", "all", "loud", "silent")}
    for action in seen.plan.actions:
        if not isinstance(action, Edit) or (found := _is_held_in_time(seen, action)) is None:
            continue
        kinds = ["all told"]
        if not any(action.at < until and action.at + DAY > at for at, until in spans):
            kinds += ["all", "silent" if action.silent else "loud"]
        for kind in kinds:
            tally[kind][0] += found
            tally[kind][1] += 1
    return {kind: (found, count) for kind, (found, count) in tally.items()}


def _is_held_in_time(seen: Observed, edit: Edit) -> bool | None:
    """Say whether an edit was held within a day; None if it does not count."""
    versions = seen.truth[edit.story_id]
    following = bisect_right(versions, edit.at, key=lambda version: version[0])
    end = versions[following][0] if following < len(versions) else seen.plan.end
    if end < edit.at + DAY:
        return None
    text = versions[following - 1][1]
    stored = seen.stored.get(edit.story_id, [])
    return any(each == text and at <= edit.at + DAY for at, each in stored)


def doubtful(seen: Observed) -> int:
    """Return how many posts were written whose text the site never meant to show."""
    return sum(
        text not in {each for _, each in seen.truth.get(story_id, [])}
        for story_id, stored in seen.stored.items()
        for _, text in stored
    )


def requests_of(seen: Observed) -> dict[str, int]:
    """Return the requests by what they were for; `again` are stories held already."""
    tally = {"lists": 0, "sitemaps": 0, "robots": 0, "stories": 0, "again": 0}
    for at, request in seen.requests:
        tally[_kind(seen, at, request.target)] += 1
    return tally


def _kind(seen: Observed, at: datetime, target: str) -> str:
    path = target.partition("?")[0]
    if path == "/robots.txt":
        return "robots"
    if path.endswith(".xml"):
        return "sitemaps"
    if "/story" not in path:
        return "lists"
    stored = seen.stored.get(path.rpartition("-")[2])
    return "again" if stored and at > stored[0][0] + _BLUR else "stories"


def first_alarm(seen: Observed, span: Span) -> Alarm | None:
    """Return the first alarm of a redesign."""
    return next((alarm for alarm in seen.alarms if span[0] <= alarm.at < span[1]), None)


def false_alarms(seen: Observed) -> list[Alarm]:
    """Return the alarms that began while all pages could be read."""
    spans = seen.plan.redesigns
    return [a for a in seen.alarms if not any(begun <= a.at < until for begun, until in spans)]


def median(values: Sequence[float]) -> float:
    """Return the median, 0 of none."""
    return statistics.median(values) if values else 0.0


def most(values: Sequence[float], share: float = 0.95) -> float:
    """Return the value that so large a share of `values` does not exceed, 0 of none."""
    return sorted(values)[max(0, -int(-share * len(values) // 1) - 1)] if values else 0.0


def missing(seen: Observed) -> list[Publish]:
    """Return the stories of the plan that were never held."""
    return [each for each in seen.plan.published if each.story.story_id not in seen.stored]


def _day(at: datetime) -> str:
    return f"{at.astimezone(SITE_ZONE):%Y-%m-%d}"


def _end_of_night(at: datetime) -> datetime:
    """Return when the night after the Singapore day of `at` is over."""
    here = at.astimezone(SITE_ZONE)
    return here.replace(hour=0, minute=0, second=0, microsecond=0) + DAY + NIGHT_ENDS
