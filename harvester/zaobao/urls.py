"""Story addresses of all years and both hosts: recognition, canonical form, identity.

Form, all eras since 2013: `/<section>[/<sub>...]/story<YYYYMMDD>-<id>`. The id is the story's
identity; its number of digits is not fixed. The day is the issue day, in print sections up to five
days after publication.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

from harvester.errors import NotAStory
from harvester.model import StoryRef

SINGAPORE = timezone(timedelta(hours=8), "UTC+8")

SG_HOST = "www.zaobao.com.sg"
HK_HOST = "www.zaobao.com"
# Without `www.` both names occur in data of the mobile app.
SITE_HOSTS = frozenset({SG_HOST, HK_HOST, "zaobao.com.sg", "zaobao.com"})

# How long after publication the issue day of a print story may lie.
PRINT_LEAD = timedelta(days=5)

# One expression reads the whole address, so that no two parsers can disagree on its host.
_STORY = re.compile(
    r"(?i:https?://(?P<host>(?:www\.)?zaobao\.com(?:\.sg)?)(?::(?:443|80))?)?"
    r"/(?P<section>[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+){0,9})"
    r"/story(?P<day>20\d{6})-(?P<id>\d{1,18})/?(?:[?#]\S*)?",
    re.ASCII,
)
_URL_LIMIT = 2_000


def story_ref(url: str, lastmod: str | None = None, host: str = SG_HOST) -> StoryRef:
    """Return the story that an address names, in canonical form.

    `host` is meant by an address without one. Raises `NotAStory("address")` for everything else.
    """
    match = _STORY.fullmatch(url) if len(url) <= _URL_LIMIT else None
    day = match and _issue_day(match["day"])
    if not match or not day:
        raise NotAStory("address", url[:_URL_LIMIT])
    name = (match["host"] or host).lower()
    if not name.startswith("www."):
        name = f"www.{name}"
    section, number = match["section"], match["id"]
    canonical = f"https://{name}/{section}/story{match['day']}-{number}"
    return StoryRef(number, canonical, section, day, lastmod)


def singapore_day(instant: datetime) -> date:
    """Return the day of an aware instant by the site's clock (UTC+8, no daylight saving)."""
    return instant.astimezone(SINGAPORE).date()


def issue_day_fits(ref: StoryRef, instant: datetime) -> bool:
    """Say whether an instant can be the publication of a story with this issue day.

    In `/realtime/` it is the same Singapore day in 9,266 of 9,266 posts of 2020/21; in other
    sections the issue may be up to five days later. A day of slack covers late corrections.
    """
    ahead = ref.day - singapore_day(instant)
    return -timedelta(days=1) <= ahead <= PRINT_LEAD


def _issue_day(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
