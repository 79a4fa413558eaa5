"""Tells from the record when pages or lists are no longer what they were. Pure: no clock, no I/O.

Look -> Record.observe -> Gauge (one for each section, layout and sign) -> Alarm
                       -> Flow (one for each section: is anything new?) -> Alarm
"""

from harvester.drift.looks import (
    Look,
    Sign,
    hidden_page,
    list_look,
    read_page,
    rejected_page,
    unchanged_page,
    unreadable_page,
)
from harvester.drift.record import EVERYWHERE, Alarm, Record

__all__ = [
    "EVERYWHERE",
    "Alarm",
    "Look",
    "Record",
    "Sign",
    "hidden_page",
    "list_look",
    "read_page",
    "rejected_page",
    "unchanged_page",
    "unreadable_page",
]
