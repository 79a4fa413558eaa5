"""What a mirror needs, and where it can stand."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.errors import Busy, UsageError
from harvester.handoff.mirror import (
    Folder,
    Lines,
    Target,
    TargetUnreachable,
    alone,
    make_plan,
    open_target,
)
from harvester.store import MANIFEST, Line
from tests.handoff.buckets import Bucket, make_bucket, serving
from tests.handoff.mirrors import (
    copy,
    put,
)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Serve S3 for the tests of this file."""
    with serving() as address:
        yield address


PATHS = st.sampled_from(["a.md", "2021/b.md", "王毅 100%?#.md", 'x"\\.md'])
LINES = st.dictionaries(PATHS, st.tuples(st.sampled_from("012"), st.integers(1, 3))).map(
    lambda made: {path: Line(path, sha, "1", seq) for path, (sha, seq) in made.items()}
)


def made(lines: dict[str, Line]) -> Lines:
    """Return a manifest of these lines."""
    return Lines(b"".join(lines[path].as_bytes() for path in sorted(lines)))


@given(LINES, LINES, st.sets(PATHS))
def test_the_plan_leads_to_the_archive(
    old: dict[str, Line], wanted: dict[str, Line], damaged: set[str]
) -> None:
    """Each post is kept, replaced or copied; done, the mirror tells all of the archive.

    Before anything is done, no line says what the target did not say, or what is known as wrong.
    """
    plan = make_plan(made(old), made(wanted), damaged & old.keys())
    told = {line.path: line for line in made(old).with_changes(plan.changes)}
    done = {line.path: line for line in (*plan.replace, *plan.copy)}

    assert len(wanted) == plan.kept + len(plan.replace) + len(plan.copy)
    assert {path: line.sha256 for path, line in told.items()} == {
        path: line.sha256 for path, line in old.items() if path not in damaged
    }
    assert {**told, **done}.items() >= wanted.items()
    assert not {line.path for line in plan.copy} & old.keys()
    assert {line.path for line in plan.replace} <= old.keys()
    assert plan.old == {
        line.path: old[line.path].as_bytes() for line in plan.replace if line.path not in damaged
    }


@given(LINES, LINES, st.sets(PATHS))
def test_a_manifest_with_changes(
    old: dict[str, Line], new: dict[str, Line], gone: set[str]
) -> None:
    """What is changed, added and taken out is so, the rest stays; by path."""
    changes = {path: line.as_bytes() for path, line in new.items()} | dict.fromkeys(gone, b"")

    lines = made(old).with_changes(changes)

    wanted = {path: line for path, line in {**old, **new}.items() if path not in gone}
    assert made(wanted) == lines
    assert list(lines) == [wanted[path] for path in sorted(wanted)]
    assert len(lines) == len(wanted)


def test_a_plan_takes_little_memory() -> None:
    """To find that nothing is to be done takes less than the manifest itself."""
    lines = made({path: Line(path, "0" * 64, "1", 1) for path in map(str, range(3000))})

    tracemalloc.start()
    plan = make_plan(lines, iter(lines))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert plan.kept == 3000
    assert peak < len(lines.data) / 4


@pytest.mark.parametrize(
    "data",
    [
        b"x\n",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        b"\n",
        b'{"path": "a.md"}\n',
        b'{"path": 1, "sha256": "0", "story_id": "1", "seq": 1}\n',
        b'{"path": "../a.md", "sha256": "0", "story_id": "1", "seq": 1}\n',
        b'{"path": "/etc/passwd", "sha256": "0", "story_id": "1", "seq": 1}\n',
        b'{"path": "a.md", "sha256": "0", "story_id": "1", "seq": 1}\n',
        b'{"path": "b.md", "sha256": "0", "story_id": "1", "seq": 1}',
    ],
)
def test_another_file_is_no_manifest(data: bytes) -> None:
    """A file of another kind or order, cut, or with a path that leads elsewhere, is refused."""
    good = Line("a.md", "0", "1", 1).as_bytes()

    with pytest.raises(ValueError, match="line 2"):
        list(Lines(good + data))


def test_a_dead_store_is_told_in_one_line(tmp_path: Path) -> None:
    """Its address, what happened and the way out; what is finished is kept."""
    put(tmp_path, {"2021/11/2021-11-01-a.md": "text"})

    with pytest.raises(TargetUnreachable) as told:
        copy(tmp_path, Bucket("http://127.0.0.1:1", "b").target("p"))

    assert str(told.value).startswith("s3://b/p: ")
    assert "the next run goes on from here" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_missing_bucket_is_told(tmp_path: Path, endpoint: str) -> None:
    """Nothing is tried without a bucket."""
    put(tmp_path, {})

    with pytest.raises(UsageError, match="s3://none/p: no such bucket"):
        copy(tmp_path, Bucket(endpoint, "none").target("p"))


def test_a_large_manifest_goes_in_parts(endpoint: str) -> None:
    """What is too large for one exchange on a slow line comes in one step all the same."""
    bucket, data = make_bucket(endpoint), bytes(6_000_000)

    bucket.target("").write(MANIFEST, data)

    assert bucket.objects() == {MANIFEST: data}


@pytest.mark.parametrize(
    "address",
    [
        *("s3://", "s3:bucket", "ftp://host/a", "memory:///", "https://example.org/a", "az://a/b"),
        *("s3://bucket/a?b", "s3://bucket/a#b", "s3://bucket/a//b"),
        *("file://host/a", "file:a", "host:/folder"),
    ],
)
def test_an_address_that_cannot_be(tmp_path: Path, address: str) -> None:
    """It is told by name, in one line, and nothing is made."""
    with pytest.raises(UsageError) as told:
        open_target(address, tmp_path / "seeds", tmp_path / "state")

    assert str(told.value).startswith(address)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["ftp://host/a", "s3:bucket", "https://example.org/a"])
def test_an_unknown_kind_is_told_with_those_known(tmp_path: Path, address: str) -> None:
    """In our words, with what can be written instead."""
    known = "a folder, file:///folder, s3://bucket/prefix, gs://bucket/prefix or az://container/"

    with pytest.raises(UsageError, match=f"^{address}: not known; a mirror stands in {known}"):
        open_target(address, tmp_path / "seeds", tmp_path / "state")


@pytest.mark.parametrize("inside", ["", "2021", "2021/../", "../link"])
@pytest.mark.parametrize(
    ("name", "words"), [("seeds", "the posts themselves"), ("state", "the archive's own state")]
)
def test_the_archive_is_no_place_for_its_mirror(
    tmp_path: Path, name: str, words: str, inside: str
) -> None:
    """Neither its posts nor its state, nor what lies in them, by whatever way, is taken."""
    own = tmp_path / "disk" / name
    own.mkdir(parents=True)
    (tmp_path / "disk" / "link").symlink_to(own / "2021")
    (tmp_path / name).symlink_to(own)

    for folder in (own, tmp_path / name):
        for address in (f"{folder}/{inside}", f"file://{folder}/{inside}"):
            with pytest.raises(UsageError, match=f"lies in {words}"):
                open_target(address, tmp_path / "seeds", tmp_path / "state")
    assert list(own.iterdir()) == []


def test_links_in_a_circle_are_no_folder(tmp_path: Path) -> None:
    """Such a target is told in our words."""
    (tmp_path / "circle").symlink_to("circle")

    with pytest.raises(UsageError, match=r"circle.*; choose another folder"):
        open_target(str(tmp_path / "circle"), tmp_path / "seeds", tmp_path / "state")


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    """An encoded address and a path lead to the same folder, made with its parents."""
    folder = tmp_path / "a b" / "新闻 100%"

    for address in (folder.as_uri(), str(folder)):
        target = open_target(address, tmp_path / "seeds", tmp_path / "state")
        assert isinstance(target, Folder)
        assert folder == target.root
    assert folder.is_dir()


def test_two_runs_are_not_at_work_at_once(tmp_path: Path) -> None:
    """The second is refused while the first runs, not after it."""
    target = Folder(tmp_path / "copy")
    for state in (tmp_path, tmp_path / "other"):
        with (
            alone(target, tmp_path),
            pytest.raises(Busy, match="copy: another run of a mirror"),
            alone(target, state),
        ):
            pass
    with alone(target, tmp_path):
        pass


def test_runs_at_two_object_stores_are_at_work_at_once(tmp_path: Path) -> None:
    """Each target has its own lock, however its address is written."""

    def target(address: str) -> Target:
        return open_target(address, tmp_path / "seeds", tmp_path / "state")

    with (
        alone(target("s3://b/a"), tmp_path),
        alone(target("s3://b/c"), tmp_path),
        alone(target("gs://b/a"), tmp_path),
    ):
        for address in ("s3://b/a/", "s3a://b/%61", "https://b.s3.amazonaws.com/a"):
            with pytest.raises(Busy), alone(target(address), tmp_path):
                pass


def test_lines_follow_changes_of_the_same_text() -> None:
    """A story that has gone keeps its text; its line tells the later change."""
    line = Line("a.md", "0", "1", 1)
    later = replace(line, seq=9)

    plan = make_plan(made({"a.md": line}), [later])

    assert {"a.md": later.as_bytes()} == plan.changes
    assert plan.kept == 1
    assert asdict(later) == {"path": "a.md", "sha256": "0", "story_id": "1", "seq": 9}
