"""What went wrong in a work that went on all the same."""

from __future__ import annotations


class Problems:
    """Addresses that could not be read, and why: each reason is told once."""

    def __init__(self) -> None:
        self._urls: dict[str, list[str]] = {}

    def add(self, url: str, text: str) -> None:
        """Note that there was this problem with an address."""
        self._urls.setdefault(text, []).append(url)

    def told(self) -> list[str]:
        """Return the problems, each by the first address that had it, and how many more did."""
        return [
            f"{urls[0]}: {text}" + (f" (and {len(urls) - 1:,} more like it)" if urls[1:] else "")
            for text, urls in self._urls.items()
        ]
