"""What the commands answer: results, and the exit code of each kind of trouble."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.processes import (
    DEADLINE,
    environment,
    harvester,
    one_object,
    refused,
)
from tests.e2e.support import Place, address, read, story

QUICK = ("--rate", "1000", "--concurrency", "4")
NOWHERE = ("--site-origin", "http://127.0.0.1:1")


# --- disk, database, site ---


def test_foreign_database(tmp_path: Path) -> None:
    """The database of another program ends every command with 65 and stays as it is."""
    (tmp_path / "state").mkdir()
    path = tmp_path / "state" / "harvester.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()

    for line in (("backfill", *NOWHERE), ("status",), ("verify",), ("verify", "--repair")):
        ended = harvester(*line, cwd=tmp_path)
        assert ended.returncode == 65
        assert "another program" in ended.stderr
    assert before == path.read_bytes()


def test_damaged_database(tmp_path: Path) -> None:
    """A catalogue that is none ends with 65 and a way out."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "harvester.db").write_bytes(b"not a database" * 400)

    for line in (("backfill", *NOWHERE), ("status",), ("verify",)):
        ended = harvester(*line, cwd=tmp_path)
        assert (ended.returncode, ended.stdout) == (65, "")
        assert "harvester rebuild" in ended.stderr


def test_damaged_table(tmp_path: Path, origin: str) -> None:
    """Damage that only shows in the middle of a run ends it with 65 as well, in one line."""
    line = ("backfill", "--site-origin", origin, *QUICK, "--json")
    harvester(*line, cwd=tmp_path)
    path = tmp_path / "state" / "harvester.db"
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'visits'"
        ).fetchone()
    data = bytearray(path.read_bytes())
    data[(page - 1) * size : page * size] = b"\x99" * size
    path.write_bytes(data)

    ended = harvester(*line, cwd=tmp_path)

    assert ended.returncode == 65
    assert one_object(ended.stdout)["discovered"] == 0
    assert "harvester rebuild" in ended.stderr


@pytest.mark.parametrize("option", ["--seeds", "--state"])
def test_a_file_where_a_folder_should_be(option: str, tmp_path: Path) -> None:
    """A file in place of a folder is a disk error."""
    (tmp_path / "file").write_text("")
    ended = harvester("backfill", option, "file", *NOWHERE, "--json", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (74, "")
    assert "file" in ended.stderr


def test_a_folder_where_the_catalogue_should_be(tmp_path: Path) -> None:
    """So is a folder in place of the catalogue."""
    (tmp_path / "state" / "harvester.db").mkdir(parents=True)

    for line in (("backfill", *NOWHERE), ("status",), ("verify",)):
        assert harvester(*line, cwd=tmp_path).returncode == 74


def test_nobody_at_the_origin(tmp_path: Path) -> None:
    """Without a server at --site-origin the run ends with 69 and no counts."""
    ended = harvester("backfill", *NOWHERE, "--json", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (69, "")
    assert ended.stderr.splitlines()[-1].startswith("harvester: ")


def test_nobody_at_the_origin_of_a_story(tmp_path: Path) -> None:
    """A single story that cannot be reached has failed, with its address."""
    url = address(story(9_700_001))
    ended = harvester("fetch", url, *NOWHERE, "--json", cwd=tmp_path)

    assert (ended.returncode, one_object(ended.stdout)["failed"]) == (1, 1)
    assert f"failed {url}" in ended.stderr


@pytest.mark.parametrize("command", ["status", "verify"])
def test_empty_place(command: str, tmp_path: Path) -> None:
    """Where nothing was ever harvested they say so, and make nothing."""
    refused(harvester(command, cwd=tmp_path), 65, "there is no catalogue yet")
    assert list(tmp_path.iterdir()) == []


def test_empty_catalogue(tmp_path: Path) -> None:
    """A catalogue without stories is in order, and status says how to begin."""
    (tmp_path / "posts").mkdir()
    taken = harvester("import", "posts", "--json", cwd=tmp_path)

    assert (taken.returncode, one_object(taken.stdout)["discovered"]) == (0, 0)
    assert harvester("verify", cwd=tmp_path).returncode == 0
    assert "harvester backfill" in harvester("status", cwd=tmp_path).stdout


# --- results ---


def test_backfill_and_after(tmp_path: Path, origin: str) -> None:
    """Run, second run, status, verify, and what `--json` says of each."""
    line = ("backfill", "--site-origin", origin, *QUICK)
    first = harvester(*line, "--json", cwd=tmp_path)
    second = harvester(*line, cwd=tmp_path)
    status = harvester("status", "--json", cwd=tmp_path)
    verified = harvester("verify", "--json", cwd=tmp_path)

    assert [each.returncode for each in (first, second, status, verified)] == [0, 0, 0, 0]
    counts = one_object(first.stdout)
    assert (counts["discovered"], counts["new"]) == (5, 5)
    assert second.stdout.count("\n") == 1
    assert "0 new" in second.stdout
    assert "5 skipped" in second.stdout
    told = json.loads(status.stdout)
    assert (told["stories"], told["addresses"], len(told["runs"])) == (5, 5, 2)
    assert json.loads(verified.stdout) == {"posts": 5, "differences": [], "repaired": []}
    assert "5 stories held" in harvester("status", cwd=tmp_path).stdout


def test_contact_is_asked_for_while_unset(tmp_path: Path, origin: str) -> None:
    """While no contact is set a backfill says so; once it is set it does not."""
    line = ("backfill", "--site-origin", origin, *QUICK)
    without = harvester(*line, cwd=tmp_path)
    named = harvester(*line, "--contact", "mail@example.org", cwd=tmp_path)

    assert "contact is not set" in without.stderr
    assert "contact" not in named.stderr


def test_fetch(tmp_path: Path, origin: str) -> None:
    """Single addresses: one that is held is asked for again, one that is none is rejected."""
    harvester("backfill", "--site-origin", origin, *QUICK, cwd=tmp_path)
    held = next(iter(Place(tmp_path).articles().values()))
    line = ("fetch", held.url, "https://example.org/x", "--site-origin", origin, *QUICK, "--json")

    ended = harvester(*line, cwd=tmp_path)

    counts = one_object(ended.stdout)
    assert (ended.returncode, counts["unchanged"], counts["rejected"]) == (0, 1, 1)
    assert "https://example.org/x" in ended.stderr


def test_addresses_from_standard_input(tmp_path: Path, origin: str) -> None:
    """`--urls-from -` reads addresses, one a line, from standard input."""
    first = ("--seeds", "first/seeds", "--state", "first/state")
    harvester("backfill", "--site-origin", origin, *QUICK, *first, cwd=tmp_path)
    urls = [row.url for row in Place(tmp_path / "first").articles().values()]
    line = ("backfill", "--urls-from", "-", "--site-origin", origin, *QUICK, "--json")

    given = f"{urls[0]}\r\n# {urls[1]}\n\n{urls[2]}"
    ended = harvester(*line, cwd=tmp_path, given=given)

    assert (ended.returncode, one_object(ended.stdout)["new"]) == (0, 2)


def test_verify_finds_and_repairs(tmp_path: Path, origin: str) -> None:
    """Files changed, lost and added are named with exit 1; repaired, all is well again."""
    harvester("backfill", "--site-origin", origin, *QUICK, cwd=tmp_path)
    place = Place(tmp_path)
    before = place.files()
    changed, lost, *_ = (place.seeds / path for path in sorted(before))
    changed.write_bytes(b"changed")
    lost.unlink()

    found = harvester("verify", "--json", cwd=tmp_path)
    repaired = harvester("verify", "--repair", "--json", cwd=tmp_path)

    assert [found.returncode, repaired.returncode] == [1, 0]
    paths = {each["path"] for each in json.loads(found.stdout)["differences"]}
    assert paths == {path.relative_to(place.seeds).as_posix() for path in (changed, lost)}
    assert before == place.files()
    assert harvester("verify", cwd=tmp_path).returncode == 0


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """A pipe that is closed early brings no traceback."""
    ended = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m harvester.cli --help | head -0"],
        cwd=tmp_path,
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert "Traceback" not in ended.stderr


# --- demo ---


def test_demo(tmp_path: Path) -> None:
    """The demo harvests the replica twice, asks for no story the second time, and verifies."""
    ended = harvester("demo", "--folder", "here", cwd=tmp_path)

    assert ended.returncode == 0, ended.stderr
    assert re.search(r"story pages asked for .*second .*: 0\n", ended.stdout)
    assert "disk and catalogue agree" in ended.stdout
    posts = list((tmp_path / "here" / "seeds").rglob("*.md"))
    assert len(posts) > 40
    assert read(posts[0].read_bytes()).blocks
    assert {path.name for path in tmp_path.iterdir()} == {"here"}

    again = harvester("demo", "--folder", "here", cwd=tmp_path)
    assert again.returncode == 0, again.stderr


def test_demo_leaves_other_folders_alone(tmp_path: Path) -> None:
    """A folder that no demo made is refused and left as it is."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")

    refused(harvester("demo", "--folder", "mine", cwd=tmp_path), 2, "mine")

    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep me"


def test_demo_in_place_of_a_file(tmp_path: Path) -> None:
    """A file where the demo's folder should be is refused in one line and kept."""
    (tmp_path / "file").write_text("keep me too")

    refused(harvester("demo", "--folder", "file", cwd=tmp_path), 2, "file")
