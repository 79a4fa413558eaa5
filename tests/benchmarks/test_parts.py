"""The parts that need no other packages, so small that their figures only have to come out."""

from __future__ import annotations

import gzip
import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks.again import again
from benchmarks.crawl import crawl
from benchmarks.figures import Figure
from benchmarks.growth import growth
from benchmarks.harness import Part
from benchmarks.memory import memory
from benchmarks.page import page
from benchmarks.posts import posts
from benchmarks.startup import startup
from benchmarks.webserver import serving, store

TINY = 0.001


def measured(part: Part, folder: Path) -> dict[str, Figure]:
    """Return the figures of a part by name; times and sizes are of something."""
    figures = list(part(folder, TINY))
    assert all(figure.value > 0 for figure in figures if figure.unit not in ("", "times"))
    return {figure.what: figure for figure in figures}


def test_a_run_over_what_is_known_asks_for_sitemaps_alone(tmp_path: Path) -> None:
    """All three runs pass every known story by, and no page is asked for."""
    figures = list(again(tmp_path, TINY))
    passed = [f.value for f in figures if f.what == "  known stories passed by"]
    asked = [f.value for f in figures if f.what.startswith("  pages asked for")]

    assert (passed, asked) == ([100] * 3, [0] * 3)
    first, unchanged, touched = (f.note for f in figures if f.unit == "s")
    assert (first, touched) == ("100 files, 0 answers 304",) * 2
    assert unchanged == "100 files, 101 answers 304"


def test_every_crawler_takes_every_page(tmp_path: Path) -> None:
    """Ours and the bare loop are measured on the same pages; one that is left out is an error."""
    figures = measured(crawl, tmp_path)

    assert figures["pages"].value == 20
    for name in ("raw aiohttp", "without WARC", "with WARC"):
        assert figures[name].unit == "pages/s"
    assert figures["without WARC: share of raw aiohttp's pages/s"].asked == ">= 0.45"
    assert figures["with WARC: share of raw aiohttp's pages/s"].asked == ">= 0.35"


def test_an_article_costs_something_in_archives_of_all_sizes(tmp_path: Path) -> None:
    """Archives that were filled by SQL take new articles; the largest is held to the smallest."""
    figures = measured(growth, tmp_path)

    assert figures["article, 1,000 known"].unit == "ms CPU"
    assert figures["1,000 known over 50"].asked == "<= 1.15"


def test_all_posts_are_taken_in_and_checked(tmp_path: Path) -> None:
    """Both commands say how many a second; a post that is missing is an error."""
    figures = measured(posts, tmp_path)

    assert (figures["import"].asked, figures["verify"].asked) == (">= 3000", ">= 5000")


def test_memory_is_told_by_pages(tmp_path: Path) -> None:
    """Every sample falls into a tenth of the run; the peak is the largest."""
    figures = measured(memory, tmp_path)
    tenths = [figure.value for what, figure in figures.items() if what.startswith("pages ")]

    assert figures["stories archived"].value == 200
    assert 0 < len(tenths) <= 10
    assert max(tenths) <= figures["peak"].value


def test_the_start_of_commands_and_daemon_is_measured(tmp_path: Path) -> None:
    """The daemon says when it is ready."""
    figures = measured(startup, tmp_path)

    assert figures["daemon until READY"].asked == "<= 1000"


def test_all_layouts_are_read_in_turns(tmp_path: Path) -> None:
    """Ours and bare lexbor need nothing else; packages that are missing are left out."""
    figures = measured(page, tmp_path)

    assert sum(what.endswith(": ours") for what in figures) == 5
    assert figures["ours over bare lexbor, all layouts"].value > 1


@pytest.mark.parametrize("nginx", [False, True] if shutil.which("nginx") else [False])
def test_both_servers_answer_alike(
    nginx: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packed files with validators, 304 for what is known, 404 for what is not there; all noted."""
    if not nginx:
        monkeypatch.setenv("PATH", str(tmp_path))
    store(tmp_path / "site", [("a/story", "早报".encode())])
    with serving(tmp_path / "site", tmp_path / "work") as server:
        request = urllib.request.Request(f"{server.origin}/a/story")  # noqa: S310 - our own http
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert gzip.decompress(answer.read()).decode() == "早报"
            assert answer.headers["Content-Encoding"] == "gzip"
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        request.add_header("If-None-Match", answer.headers["ETag"])
        assert _refused(request) == 304
        assert _refused(urllib.request.Request(f"{server.origin}/b")) == 404  # noqa: S310
    assert server.name.startswith("nginx" if nginx else "a server of our own")
    assert server.asked() == [("/a/story", 200), ("/a/story", 304), ("/b", 404)]


def _refused(request: urllib.request.Request) -> int:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)  # noqa: S310
    with refused.value as answer:
        return answer.code
