"""The same job with Scrapy: `python -m benchmarks.spider ORIGIN CONCURRENCY FEED`.

A spider over the sitemap that reads title, date and paragraphs of each story by CSS and feeds them
to a file of JSON lines. Nothing is checked, hashed, archived, or made durable.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from scrapy.crawler import CrawlerProcess
from scrapy.spiders import SitemapSpider

from benchmarks.newspaper import SITE

_DATE = 'meta[property="article:published_time"]::attr(content)'
_FACTS = 'script[type="application/ld+json"]::text'
_PARAGRAPHS = ", ".join(
    f"{body} p" for body in ("#FineDining", ".article-content-rawhtml", ".articleBody")
)


class Stories(SitemapSpider):  # type: ignore[misc]
    """Reads the stories that the sitemap names; every address is asked of `origin`."""

    name = "stories"
    sitemap_rules = (("/story", "parse"),)

    def sitemap_filter(self, entries: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - Scrapy's
        """Send what the sitemap names to the origin."""
        for entry in entries:
            yield {**entry, "loc": entry["loc"].replace(SITE, self.origin)}

    def parse(self, response: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - Scrapy's
        """Read a story."""
        facts = response.css(_FACTS)
        yield {
            "url": response.url,
            "title": response.css('meta[property="og:title"]::attr(content)').get(),
            "date": response.css(_DATE).get() or facts.re_first(r'"datePublished"\s*:\s*"([^"]+)'),
            "paragraphs": ["".join(p.css("::text").getall()) for p in response.css(_PARAGRAPHS)],
        }


def main() -> None:
    """Crawl to the end."""
    origin, concurrency, feed = sys.argv[1:]
    settings = {
        "CONCURRENT_REQUESTS": int(concurrency),
        "CONCURRENT_REQUESTS_PER_DOMAIN": int(concurrency),
        "DOWNLOAD_DELAY": 0,
        "FEEDS": {feed: {"format": "jsonlines", "encoding": "utf-8"}},
        "LOG_LEVEL": "ERROR",
        "ROBOTSTXT_OBEY": True,
        "TELNETCONSOLE_ENABLED": False,
    }
    process = CrawlerProcess(settings)
    process.crawl(Stories, origin=origin, sitemap_urls=[f"{origin}/sitemap.xml"])
    process.start()


if __name__ == "__main__":
    main()
