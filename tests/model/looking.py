"""What really lies there: catalogue and post tree, read by other means than the program's own."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from harvester.replica import Site
from harvester.replica.story import SG
from harvester.store import MANIFEST
from tests.model import stories
from tests.model.model import Held, Known, Look


@dataclass(frozen=True)
class Seen:
    """The catalogue at one moment. `files` are path and hash that it promises of each story.

    `validators` is the text that the remembered validators of a story's page stand for.
    """

    known: dict[int, Known]
    log: list[tuple[str, int]]
    numbers: list[int]
    files: dict[int, tuple[str, str]]
    validators: dict[int, int]


def look(root: Path) -> Seen:
    """Read the catalogue in one snapshot; every text in it is read to its last character."""
    address = f"{(root / 'state' / 'harvester.db').as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as catalogue:
        catalogue.execute("BEGIN")
        looks, validators = _looks(catalogue)
        files, held = {}, {}
        for story_id, path, sha256, *state in catalogue.execute(
            "SELECT story_id, path, sha256, revision, observed_at, gone_at, era FROM stories"
        ):
            number = stories.number_of(story_id)
            files[number] = (path, sha256)
            held[number] = _held(number, list(_texts(catalogue, number)), sha256, *state)
        entries = catalogue.execute("SELECT seq, op, story_id FROM changes ORDER BY seq").fetchall()
    known = {n: Known(held.get(n), looks.get(n)) for n in {*held, *looks}}
    log = [(op, stories.number_of(story_id)) for _, op, story_id in entries]
    return Seen(known, log, [seq for seq, _, _ in entries], files, validators)


def _looks(catalogue: sqlite3.Connection) -> tuple[dict[int, Look], dict[int, int]]:
    looks, validators = {}, {}
    for story_id, state, missing_since, etag in catalogue.execute(
        "SELECT story_id, state, missing_since, etag FROM visits"
    ):
        number = stories.number_of(story_id)
        looks[number] = Look(state == "held", _instant(missing_since))
        if etag:
            validators[number] = next(
                text for text in range(stories.TEXTS) if _etag(number, text) == etag
            )
    return looks, validators


def _texts(catalogue: sqlite3.Connection, number: int) -> Iterator[tuple[int, int, str]]:
    """Return number, text and hash of every text a story has had."""
    for revision, sha256, packed in catalogue.execute(
        "SELECT revision, sha256, post FROM revisions WHERE story_id = ? ORDER BY revision",
        (stories.identity(number),),
    ):
        post = zlib.decompress(packed)
        assert hashlib.sha256(post).hexdigest() == sha256
        of, text = stories.text_of(post)
        assert of == number, f"story {number} has the text of story {of}"
        yield revision, text, sha256


def _held(
    number: int,
    texts: list[tuple[int, int, str]],
    sha256: str,
    revision: int,
    observed: str,
    gone_at: str | None,
    era: str,
) -> Held:
    assert [each[0] for each in texts] == list(range(1, len(texts) + 1)), f"story {number}"
    _, current, of_text = texts[revision - 1]
    assert of_text == sha256, f"story {number}: its row is not of its current text"
    at = _instant(observed)
    assert at
    of_page = era != "post"
    return Held(tuple(text for _, text, _ in texts), current, at, of_page, _instant(gone_at))


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@lru_cache
def _etag(number: int, text: int) -> str:
    """Return what the replica sends as the validator of a page."""
    story = stories.shown(number, text)
    body = Site((story,)).answer(SG, f"/{story.path}").body
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def files(root: Path, *, hidden: bool = True) -> dict[str, bytes]:
    """Return every file of the post tree but manifest and feeds, by its path.

    While a writer is at work hidden ones come and go.
    """
    seeds = root / "seeds"
    return {
        path.relative_to(seeds).as_posix(): path.read_bytes()
        for path in seeds.rglob("*")
        if (hidden or not path.name.startswith("."))
        and path.is_file()
        and path.name != MANIFEST
        and seeds / "feeds" not in path.parents
    }


def leftovers(root: Path) -> list[str]:
    """Return what a killed writer left: temporary files, and journals that are to be rolled back.

    One without its first bytes says nothing (https://sqlite.org/lockingv3.html, 4.1): the writer
    was killed as it made it, and the next one makes it anew.
    """
    found = (path for path in root.rglob("*") if path.name.endswith((".tmp", "-journal", "-wal")))
    return [path.relative_to(root).as_posix() for path in found if not _says_nothing(path)]


def _says_nothing(path: Path) -> bool:
    return path.name.endswith("-journal") and not path.read_bytes()[:8].strip(b"\0")


def promised(root: Path) -> dict[str, tuple[str, int]]:
    """Return hash and story that the manifest tells of each path."""
    path = root / "seeds" / MANIFEST
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    told = {line["path"]: (line["sha256"], stories.number_of(line["story_id"])) for line in lines}
    assert len(told) == len(lines), "the manifest has two lines of one path"
    return told


def aside(root: Path) -> set[bytes]:
    """Return the files that were set aside."""
    folder = root / "state" / "aside"
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
