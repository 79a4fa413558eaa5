"""An archive to mirror, and mirrors as others see them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from harvester.handoff.mirror import Folder, Tally, Target, mirror
from harvester.model import Draft
from harvester.store import MANIFEST, Line, Reader, open_archive
from tests.handoff.buckets import Bucket
from tests.store.support import StillClock, make_draft, open_store

Texts = Mapping[str, str]


def put(root: Path, texts: Texts) -> None:
    """Store texts under names."""

    async def store() -> None:
        async with open_store(root) as archive:
            await asyncio.gather(*[archive.put(draft(*each)) for each in texts.items()])

    asyncio.run(store())


def draft(name: str, text: str) -> Draft:
    """Return a text of the one story that has a name; no other has the same."""
    story_id = str(int(hashlib.sha256(name.encode()).hexdigest()[:6], 16))
    return make_draft(story_id, f"{text} {name}", name=name)


def names(count: int) -> list[str]:
    """Return names of so many posts, in two folders."""
    return [f"2021/{10 + n % 2}/2021-11-01-第{n}篇.md" for n in range(count)]


@dataclass
class Notes:
    """A watcher that keeps what it hears."""

    said: list[str] = field(default_factory=list)
    shown: list[tuple[str, int, int]] = field(default_factory=list)

    def progress(self, what: str, done: int, total: int) -> None:
        """Keep the figures."""
        self.shown.append((what, done, total))

    def say(self, text: str) -> None:
        """Keep the line."""
        self.said.append(text)


def copy(
    root: Path,
    target: Target,
    notes: Notes | None = None,
    *,
    clock: StillClock | None = None,
    check: bool = False,
) -> Tally:
    """Mirror an archive, with a manifest after every post."""
    with open_archive(root / "seeds", root / "state") as archive:
        work = mirror(
            archive, target, clock or StillClock(), notes or Notes(), check=check, checkpoint=0
        )
        return asyncio.run(work)


def digest(data: bytes | None) -> str | None:
    """Return the SHA-256 of bytes."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def held(files: Mapping[str, bytes]) -> dict[str, Line]:
    """Return the lines of a mirror, each of which must be true; by path."""
    lines = [Line(**json.loads(line)) for line in files.get(MANIFEST, b"").splitlines()]
    assert [line.path for line in lines] == sorted({line.path for line in lines})
    for line in lines:
        assert digest(files.get(line.path)) == line.sha256
    return {line.path: line for line in lines}


def on_disk(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder that are not hidden, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("[!.]*")
        if path.is_file()
    }


def archived(root: Path) -> dict[str, bytes]:
    """Return the posts of an archive and its manifest, by relative path."""
    return on_disk(root / "seeds")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mirror stands, and how others see and change it."""

    target: Target
    files: Callable[[], dict[str, bytes]]
    write: Callable[[str, bytes], None]
    delete: Callable[[str], None]


def folder_place(folder: Path) -> Place:
    """Return a folder."""

    def write(path: str, data: bytes) -> None:
        (folder / path).write_bytes(data)

    return Place(
        Folder(folder), lambda: on_disk(folder), write, lambda path: (folder / path).unlink()
    )


def bucket_place(bucket: Bucket) -> Place:
    """Return a prefix in a bucket."""
    prefix = "新闻 a"

    def files() -> dict[str, bytes]:
        return {key.removeprefix(f"{prefix}/"): data for key, data in bucket.objects().items()}

    def write(path: str, data: bytes) -> None:
        with closing(bucket.client()) as client:
            client.put_object(Bucket=bucket.name, Key=f"{prefix}/{path}", Body=data)

    def delete(path: str) -> None:
        with closing(bucket.client()) as client:
            client.delete_object(Bucket=bucket.name, Key=f"{prefix}/{path}")

    return Place(bucket.target(prefix), files, write, delete)


@dataclass
class Wrapped:
    """A folder; `after` is called with the path of each file that was written."""

    folder: Folder
    after: Callable[[str], object]

    def __post_init__(self) -> None:
        self.name = self.folder.name
        self.key = self.folder.key

    def read(self, path: str) -> bytes | None:
        """Read from the folder."""
        return self.folder.read(path)

    def write(self, path: str, data: bytes) -> None:
        """Write into the folder."""
        self.folder.write(path, data)
        self.after(path)

    def settle(self) -> None:
        """Settle the folder."""
        self.folder.settle()


class Made(Reader):
    """Posts by path as an archive, without a disk; the story's id is the path."""

    def __init__(self, posts: Mapping[str, bytes]) -> None:
        self._posts = posts

    def manifest(self) -> Iterator[Line]:
        """Return a line for each."""
        for seq, (path, data) in enumerate(sorted(self._posts.items()), 1):
            yield Line(path, hashlib.sha256(data).hexdigest(), path, seq)

    def post(self, story_id: str, revision: int | None = None) -> bytes:
        """Return the one text of a story."""
        assert revision is None
        return self._posts[story_id]


@dataclass
class Memory:
    """A target without a disk, where each write takes so many seconds of a clock."""

    clock: StillClock = field(default_factory=StillClock)
    seconds: float = 0.0
    files: dict[str, bytes] = field(default_factory=dict)
    manifests: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.key = "memory"
        self._lock = threading.Lock()

    def read(self, path: str) -> bytes | None:
        """Return the bytes at a path."""
        return self.files.get(path)

    def write(self, path: str, data: bytes) -> None:
        """Put bytes at a path; keep how many lines a manifest has."""
        with self._lock:
            self.files[path] = data
            self.clock.at += timedelta(seconds=self.seconds)
        if path == MANIFEST:
            self.manifests.append(len(held(self.files)))

    def settle(self) -> None:
        """Do nothing."""
