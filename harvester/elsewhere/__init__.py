"""Stories that others kept: captures in the Wayback Machine and in Common Crawl.

    scope -> queries -> lines of an index -> Seen -> capture -> Page

An index is asked for what it holds of a scope; of what it has seen of a story the caller takes the
best and has its page. What is wrong with one answer or line is told, and the work goes on.

The clients are in `wayback` and `commoncrawl`, which are imported only where they are needed.
"""

from harvester.elsewhere.seen import Index, Seen, best_first

__all__ = ["Index", "Seen", "best_first"]
