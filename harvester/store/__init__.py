"""All disk and database of the archive: the post tree and its catalogue.

The write rule, a batch at a time:

    judge -> append pages, fsync -> mark folders -> temp file, write, fsync, rename
          -> fsync folders -> commit rows

Pages first, files second, rows last: a page without a row is indexed at the next start, a file
without a row is found there (`sweep`), a row without its file is never a legal state. Every text is
in the catalogue as well, so the tree can be restored from it byte for byte, and the catalogue can
be built again from the tree.
"""

from __future__ import annotations

from harvester.store.anew import REBUILD, set_catalogue_aside
from harvester.store.archive import Archive
from harvester.store.audit import Difference, Kind
from harvester.store.batch import Decide
from harvester.store.database import CATALOGUE, WRITER_PATIENCE, guarded, uninterrupted
from harvester.store.lock import locked, take_lock
from harvester.store.manifest import MANIFEST, Line
from harvester.store.raw import WARC, Raw
from harvester.store.reading import (
    ArticleRow,
    Change,
    Coverage,
    Figures,
    Reader,
    Revision,
    Run,
    VisitFigure,
    open_archive,
)
from harvester.store.rows import instant, stamp
from harvester.store.selection import Selection, StoryRow, within
from harvester.store.space import free_bytes
from harvester.store.tree import make_folder, replace_file, resolved, sync_folder
from harvester.store.verify import Report, verify

__all__ = [
    "CATALOGUE",
    "MANIFEST",
    "REBUILD",
    "WARC",
    "WRITER_PATIENCE",
    "Archive",
    "ArticleRow",
    "Change",
    "Coverage",
    "Decide",
    "Difference",
    "Figures",
    "Kind",
    "Line",
    "Raw",
    "Reader",
    "Report",
    "Revision",
    "Run",
    "Selection",
    "StoryRow",
    "VisitFigure",
    "free_bytes",
    "guarded",
    "instant",
    "locked",
    "make_folder",
    "open_archive",
    "replace_file",
    "resolved",
    "set_catalogue_aside",
    "stamp",
    "sync_folder",
    "take_lock",
    "uninterrupted",
    "verify",
    "within",
]
