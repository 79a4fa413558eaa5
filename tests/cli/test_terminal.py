"""What others write never acts on a terminal: no title, path, reason, message or address."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from harvester.drafts import draft_of_page
from harvester.handoff.export import csv_file
from harvester.model import Poll, Watch
from harvester.post import clean_title
from tests.e2e.processes import environment
from tests.handoff.export.support import record
from tests.handoff.follower_archive import NOON, open_writer, quick_folder
from tests.handoff.searching import story
from tests.store.support import make_ref, make_visit
from tests.support import hostile
from tests.support.figures import Figures, cases

_GATE = "terminal and spreadsheet"
_COUNT = cases(200, 10_000)
# C0 but for the line end, DEL, C1; for a person also what turns the direction of text.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_ACTING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_HOOKS = """
[[hooks]]
name = "loud"
command = "sh -c 'cat loud.txt; exit 3'"
"""
_JSONL = ("--format", "jsonl", "--output", "-")
_LOGGER = """
import json, sys, structlog
from harvester.clock import SystemClock
from harvester.daemon.logs import configure
configure(sys.argv[1], "info", SystemClock(), sys.stdout)
log = structlog.stdlib.get_logger("x")
for line in sys.stdin:
    text = json.loads(line)
    log.warning("event", url=text, why=[text], **{"a": {text: text}})
    log.warning(text)
"""


# Reading the program takes longer than most commands: each is forked from one that has read it.
_FORKS = """
import sys
from pathlib import Path
from harvester.cli import changes_command, diff_command, export_command, hooks_command
from harvester.cli import search_command, status_command
from tests.torture.forked import serve
serve(Path(sys.argv[1]))
"""
_REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """A folder with an archive of hostile titles, reasons, problems and file names."""

    root: Path
    raw: bool
    forks: subprocess.Popen[str]

    def run(self, *words: object) -> str:
        """Run a command to its end; return all that it wrote."""
        assert self.forks.stdin
        assert self.forks.stdout
        print(json.dumps([[str(word) for word in words]]), file=self.forks.stdin, flush=True)
        (process,) = json.loads(self.forks.stdout.readline())
        ended, _code = json.loads(self.forks.stdout.readline())
        assert ended == process
        files = (self.root / f"{process}.{name}" for name in ("out", "err"))
        told = "".join(file.read_bytes().decode() for file in files)
        assert "Traceback" not in told, told
        return told


@pytest.fixture(scope="module", params=["as it is read", "raw"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Return an archive whose titles are those of pages, or such as no page can bring."""
    raw = request.param == "raw"
    words = [sys.executable, "-c", _FORKS]
    environ = environment({"PYTHONPATH": str(_REPOSITORY)})
    with quick_folder() as root:
        asyncio.run(_fill(root, raw=raw))
        with subprocess.Popen(
            [*words, root],
            cwd=root,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as forks:
            yield Place(root, raw, forks)


def _texts(seed: str, count: int = _COUNT) -> list[str]:
    """Return hostile texts that can be written at all."""
    return [text.encode(errors="ignore").decode() for text in hostile.texts(seed, count)]


async def _fill(root: Path, *, raw: bool) -> None:
    (root / "harvester.toml").write_text(_HOOKS)
    (root / "loud.txt").write_text("".join(_texts("loud", 50)))
    (root / "addresses.txt").write_text("\n".join(_texts("address")))
    titles = _texts("terminal")
    titles = titles if raw else [clean_title(title) for title in titles]
    articles = [
        replace(
            story(str(1_200_000 + n), title, f"国会 第{n}篇。"),
            body=f"<p>国会 第{n}篇。&#x9d;&#x8d;&#155;</p>",
        )
        for n, title in enumerate(titles)
    ]
    later = replace(articles[0], body="<p>国会 更新。&#x90;</p>", blocks=("国会 更新。",))
    async with open_writer(root) as archive:
        drafts = [draft_of_page(article, NOON) for article in articles]
        for start in range(0, _COUNT, 500):
            await asyncio.gather(*map(archive.put, drafts[start : start + 500]))
        await archive.put(draft_of_page(later, NOON + timedelta(hours=1)))
        for number, reason in enumerate(_texts("reason", 100), 1):
            ref = make_ref(str(9_000_000 + number))
            await archive.record([ref])
            await archive.note(replace(make_visit(ref.story_id, reason=reason or "x"), url=ref.url))
        for number, problem in enumerate(_texts("problem", 50)):
            watch = Watch(f"watch{number}", "https://www.zaobao.com.sg/x", problem=problem)
            await archive.begin_poll(watch, NOON, NOON)
            await archive.end_poll(Poll(watch.name, NOON, NOON), watch, [])
    for number, name in enumerate(_texts("file", 100)):
        _plant(root / "seeds", f"2021-11-01-{name}.md")
        _plant(root / "posts", f"2021-11-02-{number}{name}.md")


def _plant(folder: Path, name: str) -> None:
    folder.mkdir(exist_ok=True)
    with suppress(OSError, ValueError):  # no file can be called so
        (folder / name.replace("/", "")).write_text(f"no post: {name}")


@pytest.mark.gate("C6", _GATE)
@pytest.mark.timeout(1800)
def test_commands_for_people(figures: Figures, place: Place) -> None:
    """No command for people passes on what a terminal would act on."""
    told = {
        "search": place.run("search", "国会", "--limit", _COUNT),
        "search by date": place.run("search", "国会", "--limit", _COUNT, "--sort", "date"),
        "status": place.run("status"),
        "diff": place.run("diff", "1200000"),
        "deliver": place.run("hooks", "replay", "loud", "--since", "0")
        + place.run("hooks", "deliver"),
        "hooks": place.run("hooks") + place.run("hooks", "log"),
        "verify": place.run("verify"),
        "import": place.run("import", "posts", "--verbose"),
        "backfill": place.run("backfill", "--verbose", "--urls-from", "addresses.txt"),
        "fetch": place.run("fetch", *(text for text in _texts("fetch", 50) if _is_word(text))),
        "errors": "".join(place.run(*words) for words in _wrong()),
    }
    _judge(figures, "characters that act, for people", told, _ACTING)
    assert told["search"].count("story20211101-") >= _COUNT
    assert min(map(len, told.values())) > 50


@pytest.mark.gate("C6", _GATE)
@pytest.mark.timeout(1800)
def test_commands_for_programs(figures: Figures, place: Place) -> None:
    """JSON has no control characters but line ends; it is the same JSON."""
    told = {
        "search": place.run("search", "国会", "--limit", _COUNT, "--json"),
        "status": place.run("status", "--json"),
        "diff": place.run("diff", "1200000", "--json"),
        "hooks": place.run("hooks", "--json") + place.run("hooks", "log", "--json"),
        "verify": place.run("verify", "--json"),
        "changes": place.run("changes"),
    }
    if not place.raw:
        told["export"] = place.run("export", *_JSONL)
    _judge(figures, "control characters, for programs", told, _CONTROL)
    assert told["search"].count("story20211101-") >= _COUNT


def _judge(figures: Figures, what: str, told: dict[str, str], wrong: re.Pattern[str]) -> None:
    """Hold what commands told to none of these characters; the figure names the commands."""
    found = {name: hits for name, text in told.items() if (hits := wrong.findall(text))}
    shown = "".join(f", {name}: {sorted(set(hits))}" for name, hits in found.items())
    count = sum(map(len, found.values()))
    figures.none(f"{what}{shown}", count, of=sum(map(len, told.values())))


def _is_word(text: str) -> bool:
    return bool(text) and "\0" not in text and not text.startswith("-")


def _wrong() -> Iterator[tuple[str, ...]]:
    """Return command lines that are refused, by argparse or by us, with the word in the message."""
    traps = "".join(filter(_is_word, hostile.TRAPS)).encode(errors="ignore").decode()
    for text in (traps, *filter(_is_word, _texts("wrong", cases(2, 40)))):
        yield from (("diff", text), ("backfill", "--since", text), ("--config", text, "status"))
        yield from ((text,), ("status", text), ("status", f"--{text}"))
        yield from (("export", "--format", text), ("changes", "--since", text))


@pytest.mark.gate("C6", _GATE)
@pytest.mark.parametrize("form", ["text", "json"])
def test_log(figures: Figures, form: str) -> None:
    """Nothing in a line of the daemon's log acts, and no text makes a line of its own."""
    given = "".join(json.dumps(text) + "\n" for text in _texts("log"))
    words = [sys.executable, "-c", _LOGGER, form]
    ended = subprocess.run(words, input=given, capture_output=True, text=True, check=True)

    acting = _ACTING.findall(ended.stdout + ended.stderr)
    assert ended.stdout.count("\n") == 2 * _COUNT
    figures.none(f"characters that act in the log ({form})", len(acting), of=2 * _COUNT)


@pytest.mark.gate("C6", _GATE)
def test_spreadsheet(figures: Figures, tmp_path: Path) -> None:
    """No cell of a CSV for spreadsheets is a formula; the CSV for programs is exact."""
    records = [record(title=text, author=text, tags=(text,)) for text in _texts("cell")]
    exact, guarded = tmp_path / "exact.csv", tmp_path / "guarded.csv"
    with exact.open("wb") as one, guarded.open("wb") as other:
        csv_file.write(records, one)
        csv_file.write_for_spreadsheets(records, other)
    with guarded.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    with exact.open(encoding="utf-8", newline="") as file:
        titles = [row["title"] for row in csv.DictReader(file)]

    formulas = sum(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
    figures.none("cells that are formulas", formulas, of=len(cells))
    wrong = sum(read != one.title for read, one in zip(titles, records, strict=True))
    figures.none("cells of the exact CSV that differ", wrong, of=len(records))
