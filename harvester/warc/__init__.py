"""Records of the raw archive (WARC, ISO 28500): bytes to be appended, and what a file holds.

Pure but for the streams that are handed in. Where the files lie, when they are synced and what is
in the catalogue is the store's.
"""

from harvester.warc.reading import (
    Found,
    captures_in,
    found_at,
    found_in,
    has_body,
    next_record,
    whole,
)
from harvester.warc.records import digest_of, info, pack

__all__ = [
    "Found",
    "captures_in",
    "digest_of",
    "found_at",
    "found_in",
    "has_body",
    "info",
    "next_record",
    "pack",
    "whole",
]
