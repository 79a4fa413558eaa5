"""`harvester diff`: which two texts are compared, and how their difference is told."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import chdir
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from harvester.cli import main
from harvester.drafts import draft_of_page
from harvester.model import Draft
from tests.e2e.processes import DEADLINE, environment
from tests.handoff.follower_archive import open_writer, real_draft

STORY = "1200001"
URL = f"https://www.zaobao.com.sg/realtime/china/story20211101-{STORY}"


def text(body: str, version: int, title: str = "王毅会见布林肯") -> Draft:
    """Return a text of the story, seen so many minutes after it was published."""
    article = replace(real_draft(1).article, title=title, body=body, blocks=(body,))
    return draft_of_page(article, article.published.at + timedelta(minutes=version))


@pytest.fixture
async def place(tmp_path: Path) -> Path:
    """Return a place with a story of three texts, the oldest stored last, and one of one text."""
    async with open_writer(tmp_path) as archive:
        await archive.put(text("<p>王毅在罗马。</p><p>结果未知。</p>", 10))
        await archive.put(text("<p>王毅在巴黎。</p><p>结果未知。</p>", 20, "王毅到了巴黎"))
        await archive.put(text("<p>王毅在途中。</p><p>结果未知。</p>", 5))
        await archive.put(real_draft(2))
    return tmp_path


class Command:
    """`harvester diff` in a place, run in this process."""

    def __init__(self, place: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.place = place
        self._capture = capture

    def __call__(self, *arguments: object, code: int = 0) -> str:
        """Run it to an exit code; return its output, or what it complained of."""
        folders = [f"--{name}={self.place / name}" for name in ("seeds", "state")]
        ended = main(["diff", *map(str, arguments), *folders])
        output, complaint = self._capture.readouterr()

        assert ended == code, complaint
        return complaint if code else output


@pytest.fixture
def diff(place: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command in that place."""
    return Command(place, capsys)


def test_two_texts_are_compared(diff: Command) -> None:
    """The diff is of title and paragraphs, and its head names the texts and when they were seen."""
    assert diff(STORY, 1, 2).splitlines() == [
        f"--- {STORY} revision 1 (observed 2021-11-01 05:10Z)",
        f"+++ {STORY} revision 2 (observed 2021-11-01 05:20Z)",
        "@@ -1,3 +1,3 @@",
        "-王毅会见布林肯",
        "-王毅在罗马。",
        "+王毅到了巴黎",
        "+王毅在巴黎。",
        " 结果未知。",
    ]


def test_which_texts_are_compared(diff: Command) -> None:
    """By default the last two stored, as the site showed them; one against the current text."""

    def compared(*revisions: int) -> list[str]:
        head = diff(STORY, *revisions).splitlines()[:2]
        return [line.split(" (")[0][-1] for line in head]

    assert compared() == ["3", "2"]
    assert compared(1) == ["1", "2"]
    assert compared(3) == ["3", "2"]
    assert compared(2, 1) == ["2", "1"]


def test_a_story_by_id_address_or_path(diff: Command) -> None:
    """A story is meant by any of its names: id, address on either host, path in the tree."""
    post = next(
        path
        for path in (diff.place / "seeds").rglob("*.md")
        if URL in path.read_text(encoding="utf-8")
    )
    names = [
        URL,
        f"{URL}?utm=1",
        f"https://www.zaobao.com/news/china/story20211102-{STORY}",
        str(post),
        post.relative_to(diff.place).as_posix(),
        post.relative_to(diff.place / "seeds").as_posix(),
    ]

    with chdir(diff.place):
        assert {diff(name, 1, 2) for name in names} == {diff(STORY, 1, 2)}


def test_one_text_only(diff: Command) -> None:
    """A story that was never edited has nothing to compare, which is no error."""
    assert diff("1200002") == (
        "story 1200002 has one text only: 1200002 revision 1 (observed 2021-11-01 06:01Z)\n"
    )
    told = json.loads(diff("1200002", "--json"))
    assert (told["from"], told["to"]["revision"], told["diff"]) == (None, 1, "")


async def test_texts_that_read_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where only markup differs the command says so; a text against itself is no difference."""
    paragraphs = ("他说", "结果")
    async with open_writer(tmp_path) as archive:
        for version, body in enumerate(("<p>他说</p><p>结果</p>", "<p>他说</p><h3>结果</h3>")):
            draft = text(body, version + 1)
            draft = replace(draft, content_hash=f"v{version}:{'0' * 64}")
            await archive.put(replace(draft, article=replace(draft.article, blocks=paragraphs)))
    diff = Command(tmp_path, capsys)

    assert "same title and paragraphs; their files differ in markup or links" in diff(STORY)
    for current in ([2], [2, 2]):
        assert diff(STORY, *current).endswith("): one text, nothing to compare\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["7654321"], ["7654321", "no text"]),
        ([STORY, 4], ["no revision 4", "1, 2, 3"]),
        ([STORY, 1, 0], ["no revision 0", "1, 2, 3"]),
        ([STORY, 1, 2, 3], ["two"]),
        (["nonsense"], ["nonsense", "neither id nor address"]),
        (["x" * 5000], ["File name too long"]),
        (["https://example.org/a/story20211101-1200001"], ["neither id nor address"]),
        (["."], ["neither id nor address"]),
        ([sys.executable], ["no post of this newspaper"]),
    ],
    ids=["story", "revision", "zero", "three", "nonsense", "long", "foreign", "folder", "no-post"],
)
def test_what_is_not_there(diff: Command, arguments: list[object], words: list[str]) -> None:
    """A story or text that is not held is named, with the texts there are (exit 2)."""
    complaint = diff(*arguments, code=2)

    assert complaint.count("\n") == 1
    for word in words:
        assert word in complaint


def test_json(diff: Command) -> None:
    """One object tells both texts, their diff, and all texts of the story."""
    told: dict[str, Any] = json.loads(diff(STORY, "--json"))

    assert list(told) == ["story_id", "from", "to", "diff", "revisions"]
    assert told["story_id"] == STORY
    assert (told["from"], told["to"]) == (told["revisions"][2], told["revisions"][1])
    assert [each["current"] for each in told["revisions"]] == [False, True, False]
    assert told["to"]["title"] == "王毅到了巴黎"
    assert told["to"]["observed_at"] == "2021-11-01T05:20:00Z"
    assert told["diff"] + "\n" == diff(STORY)


@pytest.fixture
async def hostile(tmp_path: Path) -> Path:
    """Return a place with two texts that would steer a terminal, and rich."""
    async with open_writer(tmp_path) as archive:
        await archive.put(text("<p>[red]罗马[/red]</p>", 1))
        await archive.put(text("<p>巴黎&#27;[2J&#8238;</p>", 2))
    return tmp_path


def test_on_a_terminal(hostile: Path) -> None:
    """What was added and what was removed has a colour; texts cannot steer the terminal."""
    controller, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "harvester.cli", "diff", STORY],
        cwd=hostile,
        stdout=terminal,
        env=environment({"TERM": "xterm"}),
    ) as process:
        assert process.wait(DEADLINE) == 0
    os.close(terminal)
    shown = os.read(controller, 65_536).decode()
    os.close(controller)

    assert "\x1b[31m-[red]罗马[/red]" in shown
    assert "\x1b[32m+巴黎" in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
