"""The index follows the archive, and is made again whenever it cannot be trusted."""

from __future__ import annotations

import fcntl
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from harvester.errors import DiskError
from harvester.handoff.search import SEARCH, refresh_index
from harvester.store import CATALOGUE
from tests.handoff.follower_archive import NOON, quick_folder
from tests.handoff.searching import Heard, bury, ids, keep, look, story

LATER = NOON + timedelta(days=1)
FIRST = story("1000001", "会见", "王毅会见布林肯。")
SECOND = story("1000002", "峰会", "王毅出席峰会。")
# Ends itself by SIGKILL when the first batch has been taken up.
KILLED = """
import os, signal, sys
from pathlib import Path
from harvester.handoff.search import Listener, refresh_index

class Killer(Listener):
    def indexed(self, stories):
        os.kill(os.getpid(), signal.SIGKILL)

refresh_index(Path(sys.argv[1], "seeds"), Path(sys.argv[1], "state"), Killer())
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """Return the archive of two stories, with its index."""
    with quick_folder() as folder:
        keep(folder, (FIRST, SECOND))
        refresh_index(folder / "seeds", folder / "state")
        yield folder


def test_what_changed(root: Path) -> None:
    """New, revised and gone stories are taken up, and old words are forgotten."""
    keep(
        root,
        [story("1000001", "会见", "王毅会见拉夫罗夫。"), story("1000003", "王毅", "别的。")],
        LATER,
    )
    bury(root, SECOND)
    heard = Heard()

    found = look(root, "王毅", heard)

    assert {hit.story_id: bool(hit.gone_at) for hit in found.hits} == {
        "1000001": False,
        "1000002": True,
        "1000003": False,
    }
    assert heard.counts == [3]
    assert ids(look(root, "拉夫罗夫")) == ["1000001"]
    assert ids(look(root, "布林肯")) == []
    assert heard.lines == []


def test_nothing_changed(root: Path) -> None:
    """A search in an index that is up to date writes nothing."""
    before = (root / "state" / SEARCH).read_bytes()
    heard = Heard()

    assert look(root, "王毅", heard).total == 2

    assert (root / "state" / SEARCH).read_bytes() == before
    assert heard == Heard()


def test_killed(root: Path) -> None:
    """Killed while an index is made, the next one goes on after the last batch."""
    many = [story(str(1_100_000 + n), f"第{n}则", f"李白写了{n}首诗。") for n in range(600)]
    keep(root, many)
    remains = 602 - 500
    (root / "state" / SEARCH).unlink()

    done = subprocess.run([sys.executable, "-c", KILLED, root], check=False, capture_output=True)
    heard = Heard()
    found = look(root, "李白", heard)

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert heard.counts == [remains]
    assert found.total == 600


def test_restored_catalogue(root: Path) -> None:
    """An index of another catalogue is noticed, also where that has as many changes."""
    catalogue = root / "state" / CATALOGUE
    older = root / "older.db"
    shutil.copy(catalogue, older)
    keep(root, [story("1000003", "旧", "李白与杜甫。")])
    assert look(root, "李白").total == 1
    shutil.copy(older, catalogue)
    for path in (root / "seeds").rglob("*-旧.md"):
        path.unlink()
    heard = Heard()

    assert look(root, "李白", heard).total == 0
    assert "made from another catalogue" in heard.lines[0]

    keep(root, [story("1000004", "新", "李白与杜甫。")])
    assert look(root, "李白").total == 1
    shutil.copy(older, catalogue)
    for path in (root / "seeds").rglob("*-新.md"):
        path.unlink()
    keep(root, [story("1000005", "他", "王维与孟浩然。")])
    heard = Heard()

    assert look(root, "李白", heard).total == 0
    assert look(root, "王维").total == 1
    assert "made from another catalogue" in heard.lines[0]


def foreign(path: Path) -> None:
    """Put a database of another program there."""
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE about (version TEXT)")


def other_rules(path: Path) -> None:
    """Let the index be made by other rules."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE about SET version = '0'")


def without_words(path: Path) -> None:
    """Take the words away but leave all else."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE words")


def torn_words(path: Path) -> None:
    """Damage the words in a way that only a search comes upon."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE words_data SET block = x'ffffffffffffffff' WHERE id > 1")


def zeros(path: Path) -> None:
    """Leave the first page and nothing of the others."""
    data = path.read_bytes()
    path.write_bytes(data[:4096] + bytes(len(data) - 4096))


@pytest.mark.parametrize(
    "damage",
    [
        foreign,
        other_rules,
        without_words,
        torn_words,
        zeros,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a database at all" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
    ],
)
def test_damaged(root: Path, damage: Callable[[Path], object]) -> None:
    """A damaged or foreign file is made again, with a line that says so, never an error."""
    damage(root / "state" / SEARCH)
    heard = Heard()

    assert look(root, "王毅", heard).total == 2

    assert len(heard.lines) == 1
    assert "it is made again" in heard.lines[0]
    assert look(root, "王毅").current


def test_any_page(root: Path) -> None:
    """Whichever page is lost, a search finds all there is: a lost page is noticed."""
    path = root / "state" / SEARCH
    whole = path.read_bytes()
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        assert look(root, "王毅").total == 2


def test_at_once(root: Path) -> None:
    """Searches at the same time never meet a locked database; each finds all."""
    (root / "state" / SEARCH).unlink()
    keep(root, [story(str(1_100_000 + n), f"第{n}则", f"李白写了{n}首诗。") for n in range(100)])

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: look(root, "李白").total, range(12)))

    assert found == [100] * 12


def test_another_brings_it_up_to_date(root: Path) -> None:
    """While another process is at it for long, what the index holds is searched, and said so."""
    keep(root, [story("1000003", "王毅", "别的。")])
    heard = Heard()
    with (root / "state" / "search.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = look(root, "王毅", heard)

    assert (found.total, found.current) == (2, False)
    assert "another process" in heard.lines[0]
    assert look(root, "王毅").total == 3


def test_cannot_be_written(root: Path) -> None:
    """Where the state folder cannot be written, the index there is searched; none is an error."""
    lock = root / "state" / "search.lock"
    lock.unlink()
    lock.mkdir()
    keep(root, [story("1000003", "王毅", "别的。")])
    heard = Heard()

    found = look(root, "王毅", heard)

    assert (found.total, found.current) == (2, False)
    assert "searched what the index holds" in heard.lines[0]
    (root / "state" / SEARCH).unlink()
    with pytest.raises(DiskError, match=r"search\.lock"):
        look(root, "王毅")
