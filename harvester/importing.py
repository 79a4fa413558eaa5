"""Existing posts into the archive: files as they are, text judged like that of a page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from harvester.drafts import draft_of_post
from harvester.errors import BadPost, NotAStory, Unreadable, UsageError
from harvester.model import Decision, Draft, Stored, Verdict, Visit, VisitState
from harvester.pipeline import Tally
from harvester.store import Archive
from harvester.zaobao import story_ref

log = logging.getLogger(__name__)

_CHUNK = 200
_T = TypeVar("_T")


class Observer(Protocol):
    """Who watches an import."""

    def imported(self, path: Path, decision: Decision, stored: Stored | None) -> None:
        """Hear of the end state of a file; `stored` is set where it is a post of this outlet."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    draft: Draft


class Importer:
    """Takes files through to the archive. `seeds` is the post tree: files in it stay in place."""

    def __init__(self, archive: Archive, seeds: Path, observer: Observer) -> None:
        self._archive = archive
        self._seeds = seeds.resolve()
        self._observer = observer
        self.tally = Tally()

    async def run(self, paths: Iterable[Path], stopping: asyncio.Event) -> None:
        """Import files and folders (every `*.md` below). Raises `UsageError` for missing paths.

        Posts are taken in the order of their date, so that of two texts of one story the later
        one ends up current, whatever the order of the files.
        """
        files: list[_File] = []
        for chunk in _chunks(list(post_files(paths))):
            files += await asyncio.to_thread(self._read_all, chunk)
        files.sort(key=lambda file: (file.draft.observed_at, str(file.path)))
        for batch in _chunks(files):
            if stopping.is_set():
                return
            await self._store(batch)

    async def adopt(self, orphans: Sequence[str]) -> None:
        """Take up posts of the tree that have no row, such as a killed run leaves behind.

        They are not marked as visited: the next run asks for their pages. A file whose text is
        held already at another path is moved aside.
        """
        for orphan in orphans:
            for file in self._read_all([self._seeds / orphan]):
                stored = await self._archive.put(file.draft)
                self._count(file.path, stored.decision, stored)
                if stored.path != orphan:
                    place = await self._archive.set_aside(orphan)
                    log.warning("%s: its story is held at another path; moved to %s", orphan, place)

    async def _store(self, files: Sequence[_File]) -> None:
        refs = [story_ref(file.draft.article.url) for file in files]
        await self._archive.record(refs)
        puts = (self._archive.put(file.draft, await self._visit(file)) for file in files)
        stored = await asyncio.gather(*[put async for put in puts])
        for file, result in zip(files, stored, strict=True):
            self._count(file.path, result.decision, result)

    async def _visit(self, file: _File) -> Visit | None:
        """Return the mark that a story is held, unless a visit to its page says more."""
        article = file.draft.article
        if await self._archive.visit(article.story_id) is not None:
            return None
        return Visit(
            story_id=article.story_id,
            url=article.url,
            state=VisitState.HELD,
            checked_at=file.draft.observed_at,
            reason="imported",
            published=article.published.at,
        )

    def _read_all(self, paths: Iterable[Path]) -> list[_File]:
        return [file for path in paths if (file := self._read(path))]

    def _read(self, path: Path) -> _File | None:
        try:
            if not path.is_file():  # a pipe has no end, a dangling link no beginning
                self._count(path, Decision(Verdict.FAILED, f"{path}: no regular file"), None)
                return None
            draft = draft_of_post(path.read_bytes(), in_place=self._place(path))
            return _File(path, draft)
        except OSError as problem:
            why = f"{path}: cannot be read: {problem.strerror}"
            self._count(path, Decision(Verdict.FAILED, why), None)
        except BadPost as problem:
            named = BadPost(problem.line, problem.problem, path)
            self._count(path, Decision(Verdict.FAILED, str(named)), None)
        except Unreadable as problem:
            self._count(path, Decision(Verdict.FAILED, f"{path}: {problem.problem}"), None)
        except NotAStory as problem:
            why = f"{path}: not a post of this newspaper ({problem.url})"
            self._count(path, Decision(Verdict.REJECTED, why), None)
        return None

    def _place(self, path: Path) -> str | None:
        resolved = path.resolve()
        if not resolved.is_relative_to(self._seeds):
            return None
        return resolved.relative_to(self._seeds).as_posix()

    def _count(self, path: Path, decision: Decision, stored: Stored | None) -> None:
        self.tally.by_verdict[decision.verdict] += 1
        self._observer.imported(path, decision, stored)


def post_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the post files named by paths: files as given, of folders every `*.md` below.

    A README is no post. Raises `UsageError` for a path that is not there or cannot be read.
    """
    for path in paths:
        try:
            if path.is_dir():
                found = (p for p in sorted(path.rglob("*.md")) if not p.is_dir())
                yield from (p for p in found if p.name != "README.md")
            elif path.exists():
                yield path
            else:
                raise UsageError(f"{path}: no such file or folder")
        except OSError as problem:
            raise UsageError(f"{path}: cannot be read: {problem.strerror}") from problem


def _chunks(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
