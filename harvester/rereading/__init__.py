"""The raw archive read again by today's reader: for a reader that was mended, for a lost catalogue.

No page is asked for.
"""

from harvester.rereading.looks import Find, held, waves
from harvester.rereading.renormalising import Changes, Renormaliser
from harvester.rereading.replaying import Replay

__all__ = ["Changes", "Find", "Renormaliser", "Replay", "held", "waves"]
