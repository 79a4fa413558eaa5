"""One module for each layout of the site.

The era is told by what a page shows, never by the date of its story: the live site serves old
stories in today's markup, captures hold them in their own.
"""

from __future__ import annotations

from harvester.zaobao.eras import hk_2020, hk_2025, sg_2013, sg_2019, sg_2024
from harvester.zaobao.extracted import Extracted
from harvester.zaobao.facts import Document

# The most particular marks first: SG 2013 is also what is left of later Drupal pages.
_ERAS = (sg_2024, hk_2025, hk_2020, sg_2019, sg_2013)


def extract(doc: Document) -> Extracted | None:
    """Return the story as the first era that recognises the page reads it, or None."""
    return next((era.read(doc) for era in _ERAS if era.recognises(doc)), None)
