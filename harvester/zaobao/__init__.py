"""All that is known of the site, pure: bytes in, nouns out.

bytes -> text -> tree -> Document -> (era) -> Extracted -> (clean, gate) -> Article
"""

from __future__ import annotations

from harvester.zaobao.read import ReadBody, read_article, read_body
from harvester.zaobao.urls import SITE_HOSTS, story_ref

__all__ = ["SITE_HOSTS", "ReadBody", "read_article", "read_body", "story_ref"]
