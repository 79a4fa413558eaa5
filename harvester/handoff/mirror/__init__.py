"""A second place for the posts, whose own `MANIFEST.jsonl` is true at every moment.

    its manifest × the catalogue ─plan─▶ withdraw ▶ write ▶ read back ▶ manifest

Before a post is replaced a manifest without it is put; a post is named when what was read back
is what was stored. So a kill leaves a mirror that is right in every line, and the next run goes
on from there. Nothing is ever deleted, and what others have put there is left alone.
"""

from __future__ import annotations

from harvester.handoff.mirror.copying import Tally, Watcher, mirror
from harvester.handoff.mirror.lines import Lines
from harvester.handoff.mirror.plan import Plan, make_plan
from harvester.handoff.mirror.targets import Folder, Target, TargetUnreachable, alone, open_target

__all__ = [
    "Folder",
    "Lines",
    "Plan",
    "Tally",
    "Target",
    "TargetUnreachable",
    "Watcher",
    "alone",
    "make_plan",
    "mirror",
    "open_target",
]
