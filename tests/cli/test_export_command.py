"""`harvester export`: where it writes, what it refuses, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from harvester.cli import main
from harvester.handoff.export import Format
from harvester.model import Draft
from tests.e2e.processes import command, environment, harvester, refused, started
from tests.handoff.export.support import READ, TITLES, draft, fill
from tests.store.support import open_store

STORIES = len(TITLES) + 2
LAST = len(TITLES) + 4
SAID = (
    f"{STORIES} stories; go on with `--since-seq {LAST}`, not with the greatest seq in the file\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an archive, to be read only."""
    root = tmp_path_factory.mktemp("archive")
    asyncio.run(fill(root))
    return root


def export(place: Path, *arguments: object) -> int:
    """Run the command in this process; return its exit code."""
    archive = ("--seeds", place / "seeds", "--state", place / "state")
    return main([str(word) for word in ("export", *archive, *arguments)])


def complaint(
    capsys: pytest.CaptureFixture[str], code: int, place: Path, *arguments: object
) -> str:
    """Return the one line with which the command refuses."""
    assert export(place, *arguments) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    return err


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jsonl", "jsonl"),
        ("a.CSV", "csv"),
        ("a.parquet", "parquet"),
        ("a.sqlite", "sqlite"),
        ("a.db", "sqlite"),
    ],
)
def test_the_ending_tells_the_format(
    name: str, form: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file is written in the format of its name; the line on stderr says how to go on."""
    assert export(place, "--output", tmp_path / name) == 0

    assert len(READ[Format(form)](tmp_path / name)) == STORIES
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert capsys.readouterr() == ("", SAID)


def test_json(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout holds one object; an option goes before the name's ending."""
    output = tmp_path / "a.txt"
    assert export(place, "--output", output, "--format", "jsonl", "--json") == 0

    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told.pop("seconds") >= 0
    assert told == {"rows": STORIES, "last_seq": LAST, "format": "jsonl", "output": str(output)}
    assert err == SAID


def test_selection(place: Path, tmp_path: Path) -> None:
    """Section, access, days and change number choose the stories; nothing is a valid file."""
    output = tmp_path / "a.csv"
    for options, ids in (
        (("--section", "news"), ["2000001"]),
        (("--access", "preview"), ["2000002"]),
        (("--since", "2021-11-06"), ["2000001"]),
        (("--since-seq", LAST - 1), ["1000002"]),
        (("--until", "2020-01-01"), []),
    ):
        assert export(place, "--output", output, *options) == 0
        assert [row["story_id"] for row in READ[Format.CSV](output)] == ids


def test_spreadsheet(place: Path, tmp_path: Path) -> None:
    """A spreadsheet gets a byte order mark and no formula."""
    output = tmp_path / "a.csv"
    assert export(place, "--output", output, "--spreadsheet", "--section", "realtime") == 0

    text = output.read_bytes().decode("utf-8")
    assert text.startswith("\ufeffstory_id,")
    assert ",'=cmd|' /C calc'!A0," in text
    assert ",=" not in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--output", "a.xlsx"), ["--output a.xlsx", ".parquet", "--format"]),
        (("--output", "-"), ["--format"]),
        (("--output", "-", "--format", "csv", "--json"), ["--json", "--output -"]),
        (("--output", "a.jsonl", "--spreadsheet"), ["--spreadsheet", "csv", "jsonl"]),
        (
            ("--output", "/dev/null", "--format", "csv"),
            ["/dev/null", "not a regular file", "--output -"],
        ),
        (("--output", ".", "--format", "csv"), ["not a regular file"]),
        (("--output", f"{'a' * 300}.csv"), ["File name too long", "choose another file"]),
        (("--output", "a.csv", "--since", "soon"), ["--since"]),
    ],
)
def test_wrong_usage(
    options: Sequence[str], words: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be done is refused with the option's name and the way out, before any work."""
    told = complaint(capsys, 2, place, *options)

    for word in words:
        assert word in told


def test_the_device_of_standard_output(place: Path) -> None:
    """/dev/stdout, here a pipe, is refused with what to write instead."""
    for name in ("/dev/stdout", "/dev/fd/1"):
        ended = harvester("export", "--output", name, "--format", "csv", cwd=place)
        refused(ended, 2, f"--output {name}: not a regular file", "use --output - ")


def test_the_archive_itself_is_never_overwritten(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither among the posts nor in the state folder is anything written, by no link either."""
    (tmp_path / "link.db").symlink_to(place / "state" / "harvester.db")
    before = (place / "state" / "harvester.db").read_bytes()
    for output, option in (
        (place / "seeds" / "2021" / "a.csv", "--seeds"),
        (place / "state" / "harvester.db", "--state"),
        (tmp_path / "link.db", "--state"),
    ):
        assert option in complaint(capsys, 2, place, "--output", output)

    assert (place / "state" / "harvester.db").read_bytes() == before


def test_no_such_folder(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there is a disk error that names the file."""
    told = complaint(capsys, 74, place, "--output", tmp_path / "missing" / "a.csv")

    assert "missing/a.csv: No such file or directory; choose a folder" in told


def test_links_in_a_circle(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that leads nowhere is refused in one line."""
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")

    assert "choose another file" in complaint(capsys, 2, place, "--output", tmp_path / "a.csv")


def test_a_number_beyond_the_log(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who has had more than there is reads another archive: an error of it, with the way out."""
    told = complaint(capsys, 65, place, "--output", tmp_path / "a.csv", "--since-seq", LAST + 1)

    assert f"--since-seq {LAST + 1}: the change log ends at {LAST}" in told
    assert "export without --since-seq" in told
    assert list(tmp_path.iterdir()) == []


def test_no_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an archive there is nothing to export, and no file is made."""
    assert "no catalogue" in complaint(capsys, 65, tmp_path, "--output", tmp_path / "a.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_file_stays_one(place: Path, tmp_path: Path) -> None:
    """The file that a link names is replaced, not the link."""
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "latest.csv").symlink_to("real.csv")
    assert export(place, "--output", tmp_path / "latest.csv") == 0

    assert (tmp_path / "latest.csv").is_symlink()
    assert len(READ[Format.CSV](tmp_path / "real.csv")) == STORIES


@pytest.mark.parametrize("form", READ)
def test_standard_output(form: Format, place: Path, tmp_path: Path) -> None:
    """Every format goes to a pipe; stdout has nothing else on it."""
    ended = subprocess.run(
        command("export", "--format", form, "--output", "-"),
        cwd=place,
        env=environment({}),
        capture_output=True,
        check=True,
    )
    (tmp_path / "a").write_bytes(ended.stdout)

    assert len(READ[form](tmp_path / "a")) == STORIES
    assert ended.stderr.decode() == SAID


@pytest.mark.parametrize("form", ["parquet", "sqlite"])
def test_no_binary_on_a_terminal(form: str, place: Path) -> None:
    """A terminal gets no binary; the way out is named."""
    leader, follower = pty.openpty()
    try:
        ended = subprocess.run(
            command("export", "--format", form, "--output", "-"),
            cwd=place,
            env=environment({}),
            stdout=follower,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(leader)
        os.close(follower)

    assert ended.returncode == 2
    assert f"--output -: {form} is not for a terminal" in ended.stderr


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an archive whose export is larger than any pipe holds."""
    root = tmp_path_factory.mktemp("large")
    long = [draft(1_000_000 + n, f"长 {n}", *_incompressible(n)) for n in range(40)]
    asyncio.run(_put(root, long))
    return root


def _incompressible(seed: int) -> list[str]:
    return [
        "".join(
            chr(0x4E00 + (seed * 7919 + n * n * 31 + n * 104_729) % 20_000) for n in range(4000)
        )
    ]


async def _put(root: Path, drafts: list[Draft]) -> None:
    async with open_store(root) as archive:
        await asyncio.gather(*map(archive.put, drafts))


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_closed_pipe(form: str, large: Path) -> None:
    """A reader that has had enough is no failure: exit 0, and nothing is said."""
    with started("export", "--format", form, "--output", "-", cwd=large) as process:
        assert process.stdout
        assert process.stderr
        os.read(process.stdout.fileno(), 1)
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, "")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_full_disk_behind_standard_output(form: str, large: Path) -> None:
    """A disk that is full is told in one line, without a traceback."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command("export", "--format", form, "--output", "-"),
            cwd=large,
            env=environment({}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    told = "harvester: standard output: No space left on device\n"
    assert (ended.returncode, ended.stderr) == (74, told)


def test_interrupted(large: Path) -> None:
    """Ctrl-C ends it with 130 and one line."""
    with started("export", "--format", "jsonl", "--output", "-", cwd=large) as process:
        assert process.stdout
        assert process.stderr
        os.read(process.stdout.fileno(), 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == "harvester: interrupted; all finished work is kept\n"


def test_without_pyarrow(place: Path, tmp_path: Path) -> None:
    """Where the extra is missing its name is told, and no file is made."""
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError('no', name='pyarrow')")
    output = tmp_path / "out" / "a.parquet"
    output.parent.mkdir()
    ended = harvester(
        "export", "--output", output, cwd=place, environ={"PYTHONPATH": str(tmp_path)}
    )

    refused(ended, 2, "pyarrow", "pip install 'zaobao-harvester[parquet]'")
    assert list(output.parent.iterdir()) == []
