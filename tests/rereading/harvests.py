"""Harvests of the replica by real processes, and all that they leave: files, rows, records."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvester.replica import Site
from harvester.store import CATALOGUE, MANIFEST
from tests.e2e.processes import DEADLINE, Finished, environment, sane

CLOCKED = Path(__file__).parents[1] / "torture" / "clocked.py"
ROOT = Path(__file__).parents[2]
DAY = 24 * 3600
# One after the other: of two stories with one text the first to come is held.
QUICK = ("--rate", "1000", "--concurrency", "1")
STORED = ("stories", "revisions", "changes", "aliases", "captures")
# Numbers that tell in which order rows came, and sums that have them in it.
_NUMBERS = {"id", "seq", "seal", "file"}
_FROM = {"captures": "captures JOIN (SELECT id AS number, name FROM warc_files) ON number = file"}

Table = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Harvest:
    """A post tree and a state folder below `root`; processes work on them, with the site there."""

    root: Path
    origin: str = ""

    @property
    def seeds(self) -> Path:
        """The post tree."""
        return self.root / "seeds"

    @property
    def state(self) -> Path:
        """The folder of catalogue and raw archive."""
        return self.root / "state"

    @property
    def warcs(self) -> list[Path]:
        """The finished files of the raw archive."""
        return sorted((self.state / "warc").glob("*.warc.gz"))

    def copied(self, place: Path) -> Harvest:
        """Return a copy, to be broken."""
        return Harvest(Path(shutil.copytree(self.root, place)), self.origin)

    # --- processes ---

    def command(self, *arguments: object, ahead: float = 0) -> list[str]:
        """Return a command line; its clock is `ahead` by so many seconds."""
        told = [str(each) for each in arguments]
        if ahead:
            return [sys.executable, str(CLOCKED), str(ahead), *told]
        return [sys.executable, "-m", "harvester.cli", *told]

    async def run(
        self,
        *arguments: object,
        given: str = "",
        ahead: float = 0,
        environ: Mapping[str, str] | None = None,
        package: Path = ROOT,
    ) -> Finished:
        """Run a command of the `package` in a folder to its end, while the site answers."""
        command = self.command(*arguments, ahead=ahead)
        return await asyncio.to_thread(self.run_command, command, given, environ, package)

    def run_command(
        self,
        command: list[str],
        given: str = "",
        environ: Mapping[str, str] | None = None,
        package: Path = ROOT,
    ) -> Finished:
        """Run any command line here to its end."""
        ended = subprocess.run(
            command,
            cwd=self.root,
            env=environment({"PYTHONPATH": str(package), **(environ or {})}),
            input=given,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        sane(ended.stdout, ended.stderr)
        return ended

    async def visit(self, urls: Iterable[str], **how: Any) -> Finished:  # noqa: ANN401
        """Archive the stories at these addresses, so far as they are due."""
        asked = ("backfill", "--urls-from", "-", "--site-origin", self.origin, *QUICK, "--json")
        return await self.run(*asked, given="\n".join(urls), **how)

    async def fetch(self, *urls: str, **how: Any) -> Finished:  # noqa: ANN401
        """Ask for the pages of these stories now."""
        asked = ("fetch", "--site-origin", self.origin, *QUICK, "--json", "--all-revisions")
        return await self.run(*asked, *urls, **how)

    # --- what there is ---

    def posts(self) -> dict[str, bytes]:
        """Return every post by its path in the tree."""
        return {
            path.relative_to(self.seeds).as_posix(): path.read_bytes()
            for path in self.seeds.rglob("*.md")
        }

    def manifest(self) -> list[dict[str, Any]]:
        """Return the lines of the manifest, without the numbers of the change log."""
        lines = (self.seeds / MANIFEST).read_text("utf-8").splitlines()
        return [{**json.loads(line), "seq": 0} for line in lines]

    def identities(self) -> dict[str, tuple[int, int]]:
        """Return what changes when a post is written: its inode and the time of its change."""
        return {
            path: ((at := (self.seeds / path).stat()).st_ino, at.st_mtime_ns)
            for path in self.posts()
        }

    def table(self, name: str, without: Iterable[str] = ()) -> Table:
        """Return the rows of a table, in an order of their own, without numbers."""
        left_out = {*_NUMBERS, "number", *without}
        with closing(sqlite3.connect(self.state / CATALOGUE)) as connection:
            cursor = connection.execute(f"SELECT * FROM {_FROM.get(name, name)}")  # noqa: S608
            names = [column[0] for column in cursor.description]
            wanted = [n for n, column in enumerate(names) if column not in left_out]
            rows = [tuple(row[n] for n in wanted) for row in cursor]
        return sorted(rows, key=repr)

    def tables(self, without: Iterable[str] = ()) -> dict[str, Table]:
        """Return the tables of what is stored."""
        return {name: self.table(name, without) for name in STORED}

    def select(self, query: str, *values: object) -> Table:
        """Return the rows of a query."""
        with closing(sqlite3.connect(self.state / CATALOGUE)) as connection:
            return connection.execute(query, values).fetchall()

    def forget_readers(self) -> None:
        """Let all pages be those of another reader."""
        with closing(sqlite3.connect(self.state / CATALOGUE)) as connection, connection:
            connection.execute("UPDATE captures SET parser = 'another'")

    def everything(self) -> dict[str, str]:
        """Return the SHA-256 of every file but locks, by its path."""
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for folder in (self.seeds, self.state)
            for path in folder.rglob("*")
            if path.is_file() and "lock" not in path.name
        }


def differing(before: Mapping[str, Table], after: Mapping[str, Table]) -> dict[str, Table]:
    """Return the rows that only one of both has, by table."""
    return {
        name: rows
        for name in before
        if (
            rows := [
                row
                for row in before[name] + after[name]
                if before[name].count(row) != after[name].count(row)
            ]
        )
    }


def addresses(site: Site) -> list[str]:
    """Return every address of a story that the site of both hosts has, the canonical ones first."""
    shown = [url for each in site.truth() for url in each.urls]
    return list(dict.fromkeys([*shown, *site.others()]))
