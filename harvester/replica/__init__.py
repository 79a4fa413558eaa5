"""A small, faithful stand-in of the newspaper's site, with the truth attached.

Every text is made up here; the markup follows the real pages of each era. `Site` is what there is
to see, `server.ReplicaServer` puts it on a loopback port, `Site.truth` says what a harvest of it
must hold.
"""

from harvester.replica.others import Other
from harvester.replica.redesigns import Redesign
from harvester.replica.site import Shown, Site
from harvester.replica.story import Block, Figure, Story, Variant

__all__ = ["Block", "Figure", "Other", "Redesign", "Shown", "Site", "Story", "Variant"]
