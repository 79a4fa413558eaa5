"""Full-text search over the archive, in an index of its own that is made when it is asked.

text -> segment -> words -> index (state/search.db, refreshed by what changed) -> find -> hits
"""

from __future__ import annotations

from harvester.handoff.search.find import Found, Hit, Search, find
from harvester.handoff.search.index import SEARCH
from harvester.handoff.search.query import Query, parse
from harvester.handoff.search.refresh import Listener, refresh_index
from harvester.handoff.search.segment import fold, segment
from harvester.handoff.search.snippet import Marked

__all__ = [
    "SEARCH",
    "Found",
    "Hit",
    "Listener",
    "Marked",
    "Query",
    "Search",
    "find",
    "fold",
    "parse",
    "refresh_index",
    "segment",
]
