"""The newest stories as Atom and JSON Feed files beside the posts.

stories -> Feed -> bytes of both forms -> files, each replaced in one step
"""

from harvester.handoff.feeds.publish import publish_feeds, renew_feeds

__all__ = ["publish_feeds", "renew_feeds"]
