"""`harvester search`: what a person and a program get to read."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from harvester.cli.main import main
from harvester.handoff.search import SEARCH
from harvester.model import Access
from tests.handoff.follower_archive import NOON, open_writer, quick_folder
from tests.handoff.searching import bury, keep, story

HOSTILE = "王毅\x1b[2J<script>\u202e"
STORIES = (
    story("1000001", "王毅会见布林肯", "两人在罗马谈国会。"),
    story("1000002", HOSTILE, "“G20峰会”", at=NOON + timedelta(days=1), access=Access.PREVIEW),
)


@pytest.fixture
def root() -> Iterator[Path]:
    """Return an archive of two stories."""
    with quick_folder() as folder:
        keep(folder, STORIES)
        yield folder


def arguments(root: Path, *words: str) -> list[str]:
    """Return the arguments of a search."""
    return ["--seeds", str(root / "seeds"), "--state", str(root / "state"), "search", *words]


def test_for_a_person(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Day, title, section, snippet, address and file of each hit, then how many there are."""
    bury(root, STORIES[0])

    assert main(arguments(root, "羅馬", "王毅")) == 0

    seen = capsys.readouterr()
    assert seen.out == (
        "2021-11-01  王毅会见布林肯  (realtime/china, full, gone from the site)\n"
        "    两人在罗马谈国会。\n"
        "    https://www.zaobao.com.sg/realtime/china/story20211101-1000001\n"
        f"    {root}/seeds/2021/11/2021-11-01-王毅会见布林肯.md\n"
        "\n"
        "found in 1 of 2 stories\n"
    )
    assert seen.err == ""


def test_for_a_program(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object: what was found, and where in title and snippet the words stand."""
    assert main(arguments(root, "王毅 -G20", "--json", "--limit", "1")) == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("seconds") < 60
    (result,) = answer.pop("results")
    assert answer == {"query": "王毅 -G20", "total": 1, "stories": 2, "current": True}
    assert result.pop("score") > 0
    assert result == {
        "story_id": "1000001",
        "title": "王毅会见布林肯",
        "title_marks": [[0, 2]],
        "url": "https://www.zaobao.com.sg/realtime/china/story20211101-1000001",
        "path": "2021/11/2021-11-01-王毅会见布林肯.md",
        "published": "2021-11-01T04:00:00Z",
        "section": "realtime/china",
        "access": "full",
        "gone_at": None,
        "snippet": "两人在罗马谈国会。",
        "snippet_marks": [],
    }


def test_options(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Days, access, order and number are heeded."""
    for options, expected in (
        (["--since", "2021-11-02"], ["1000002"]),
        (["--until", "2021-11-01"], ["1000001"]),
        (["--access", "preview"], ["1000002"]),
        (["--sort", "date"], ["1000002", "1000001"]),
        (["--sort", "date", "--limit", "1"], ["1000002"]),
        (["--section", "sport"], []),
    ):
        assert main(arguments(root, "王毅", "--json", *options)) == 0
        results = json.loads(capsys.readouterr().out)["results"]
        assert [result["story_id"] for result in results] == expected


def test_nothing_found(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No hit is no failure; what was searched is told."""
    assert main(arguments(root, "李白")) == 0
    assert main(arguments(root, "李白", "--since", "2021-11-02")) == 0
    assert main(arguments(root, "王毅", "--since", "2022-11-02")) == 0
    assert main(arguments(root, "王毅", "--limit", "1")) == 0

    told = capsys.readouterr().out.splitlines()
    assert told[:3] == [
        "nothing in 2 stories",
        "nothing in 1 story",
        "no story is of that time, section and access",
    ]
    assert told[-1] == "found in 2 of 2 stories; the first 1 shown"


async def test_empty_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An archive without stories says how to begin."""
    async with open_writer(tmp_path):
        pass

    assert main(arguments(tmp_path, "王毅")) == 0

    assert "harvester backfill --since 7d" in capsys.readouterr().out


def test_mistakes(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to look for is wrong usage; a state folder without a catalogue is no archive."""
    assert main(arguments(root, "《》")) == 2
    assert main(arguments(root / "nowhere", "王毅")) == 65

    told = capsys.readouterr()
    assert told.out == ""
    assert "harvester search '王毅 -东京'" in told.err.splitlines()[0]
    assert "no catalogue" in told.err.splitlines()[1]
    assert not (root / "nowhere").exists()


def test_a_query_without_a_word_that_must_stand(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No word, and a -word that is read as an option, are answered with what to write."""
    assert main(arguments(root)) == 2
    assert main(arguments(root, "--", "-美国")) == 2
    for words in (["-美国"], ["-Tokyo"], ["王毅", "-美国"], ["-美国", "--json"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments(root, *words))
        assert ended.value.code == 2

    told = capsys.readouterr().err.splitlines()
    assert len(told) == 6
    assert all("as in `harvester search '王毅 -东京'`" in line for line in told)


def test_options_before_the_words(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Words may stand after options, and a whole query may begin with a -word."""
    for words in (["--limit", "1", "--json", "王毅", "布林肯"], ["--json", "-G20 王毅"]):
        assert main(arguments(root, *words)) == 0
        results = json.loads(capsys.readouterr().out)["results"]
        assert [result["story_id"] for result in results] == ["1000001"]


def test_remade_index(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A damaged index is made again, with a line on stderr; the answer stays whole."""
    (root / "state" / SEARCH).write_bytes(b"damaged" * 1000)

    assert main(arguments(root, "王毅", "--json")) == 0

    told = capsys.readouterr()
    assert json.loads(told.out)["total"] == 2
    assert told.err.startswith(f"harvester: {root}/state/{SEARCH}: ")
    assert told.err.endswith("; it is made again\n")


def test_hostile_texts(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a terminal would act on is not shown; what cannot be encoded is no obstacle."""
    assert main(arguments(root, "峰会")) == 0
    assert main(arguments(root, "王毅 -\udc80", "--json")) == 0

    shown, answer = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert json.loads(answer)["query"] == "王毅 -?"


def test_bold_on_a_terminal(root: Path) -> None:
    """On a terminal the words that were looked for are bold, and nothing else is."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    program = [sys.executable, "-m", "harvester.cli", *arguments(root, "王毅")]
    subprocess.run(program, stdout=theirs, check=True, env=environment)
    os.close(theirs)
    seen = os.read(ours, 65536).decode()
    os.close(ours)

    assert seen.count("\x1b[1m王毅\x1b[0m") == 2
    assert seen.count("\x1b") == 4


def test_starts_quickly(root: Path) -> None:
    """A search in an index that is up to date loads neither the network nor the terminal's art."""
    main(arguments(root, "王毅"))
    script = (
        "import sys; from harvester.cli.main import main; main(sys.argv[1:]); "
        "dear = {'aiohttp', 'rich', 'harvester.handoff.record'}; "
        "sys.exit(' '.join(dear & set(sys.modules)) or 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, *arguments(root, "王毅")],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
