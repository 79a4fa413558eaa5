"""Existing posts into the archive: files as they are, text judged like that of a page."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from harvester import judge
from harvester.clock import Clock
from harvester.crew import Crew, in_order, open_crew
from harvester.drafts import draft_of_post
from harvester.errors import BadPost, NotAStory, Unreadable, UsageError
from harvester.model import Decision, Draft, Stored, Verdict, Visit, VisitState
from harvester.post import read_post
from harvester.store import Archive
from harvester.zaobao import story_ref

log = logging.getLogger(__name__)

_CHUNK = 200
# So many chunks are read while one is stored; before so many were read, processes are no help.
_AHEAD = 3
_MANY = 5
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
    """Takes files through to the archive. `seeds` is the post tree: files in it stay in place.

    Once `stopping` is set no more files are begun. `clock` says which stories are so young that
    they are looked at again.
    """

    def __init__(
        self,
        archive: Archive,
        seeds: Path,
        observer: Observer,
        clock: Clock,
        stopping: asyncio.Event,
    ) -> None:
        self._archive = archive
        self._seeds = seeds.resolve()
        self._observer = observer
        self._clock = clock
        self._stopping = stopping
        self.tally: Counter[Verdict] = Counter()

    async def run(self, paths: Sequence[Path]) -> None:
        """Import these files."""
        async with aclosing(self._taken(paths)) as taken:
            async for _ in taken:
                pass

    async def adopt(self, orphans: Sequence[str]) -> None:
        """Take up posts of the tree that have no row, as a killed run or a lost catalogue leaves.

        A file whose story turns out to be held at another path is moved aside.
        """
        paths = [self._seeds / orphan for orphan in orphans]
        async with aclosing(self._taken(paths)) as taken:
            async for file, stored in taken:
                if stored.path != file.draft.name:
                    place = await self._archive.set_aside(file.draft.name)
                    log.warning("%s: its story is held already; moved to %s", file.path, place)

    async def _taken(self, paths: Sequence[Path]) -> AsyncGenerator[tuple[_File, Stored], None]:
        """Yield each post of these files when it has been judged and stored.

        Posts are taken in the order of their dates, so that of two texts of one story the later
        one ends up current, whatever the order of the files. They are read twice: only their
        dates are kept in between, so that years of posts need little memory.
        """
        dated: list[tuple[datetime, str]] = []
        async with open_crew(_MANY) as crew:
            async with aclosing(self._each(crew, _date, paths)) as each:
                async for dates in each:
                    dated += [(date, str(path)) for path, date in dates]
            dated.sort()
            read = partial(_draft, seeds=self._seeds)
            paths = [Path(path) for _, path in dated]
            async with aclosing(self._each(crew, read, paths)) as each:
                async for drafts in each:
                    files = [_File(path, draft) for path, draft in drafts]
                    for file, stored in zip(files, await self._store(files), strict=True):
                        self._count(file.path, stored.decision, stored)
                        yield file, stored

    async def _store(self, read: Sequence[_File]) -> list[Stored]:
        files = [await self._dated(file) for file in read]
        await self._archive.record([story_ref(file.draft.article.url) for file in files])
        visits = await self._archive.visits([file.draft.article.story_id for file in files])
        marks = [
            None if visit else self._mark(file) for file, visit in zip(files, visits, strict=True)
        ]
        pairs = zip(files, marks, strict=True)
        return await asyncio.gather(*[self._archive.put(f.draft, mark) for f, mark in pairs])

    async def _dated(self, file: _File) -> _File:
        """Return a post of the tree, as old as the last look that the raw archive has of it.

        Its own date is that of the story: any page that was kept would pass for a later text.
        """
        draft = file.draft
        if not draft.in_place:
            return file
        shown = await self._archive.last_shown(draft.article.story_id, draft.sha256)
        return _File(file.path, replace(draft, observed_at=shown)) if shown else file

    def _mark(self, file: _File) -> Visit:
        """Return the mark that a story is held, for one that was not visited: a visit says more.

        It is looked at again at its ages: what a killed writer left may have been edited since.
        """
        article = file.draft.article
        ref, published = story_ref(article.url), article.published.at
        now = self._clock.now()
        seen = judge.visited(
            ref, None, VisitState.HELD, now, reason="imported", published=published
        )
        return replace(seen, checked_at=file.draft.observed_at)

    async def _each(
        self, crew: Crew, read: Callable[[Path], _T], paths: Sequence[Path]
    ) -> AsyncGenerator[list[tuple[Path, _T]], None]:
        """Yield what is read of files, chunk by chunk, while later ones are read."""
        reading = in_order(self._chunks(paths), lambda some: crew.call(_each, read, some), _AHEAD)
        async with aclosing(reading) as chunks:
            async for chunk, found in chunks:
                if self._stopping.is_set():
                    return
                yield self._told(chunk, found)

    def _chunks(self, paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
        for start in range(0, len(paths), _CHUNK):
            if self._stopping.is_set():
                return
            yield paths[start : start + _CHUNK]

    def _told(self, paths: Sequence[Path], found: Sequence[_T | Decision]) -> list[tuple[Path, _T]]:
        """Return what was found in these files; those that were refused are counted and named."""
        taken = []
        for path, each in zip(paths, found, strict=True):
            if isinstance(each, Decision):
                self._count(path, each, None)
            else:
                taken.append((path, each))
        return taken

    def _count(self, path: Path, decision: Decision, stored: Stored | None) -> None:
        self.tally[decision.verdict] += 1
        self._observer.imported(path, decision, stored)


def _each(read: Callable[[Path], _T], paths: Iterable[Path]) -> list[_T | Decision]:
    return [_attempt(read, path) for path in paths]


def _attempt(read: Callable[[Path], _T], path: Path) -> _T | Decision:
    """Return what `read` makes of a file, or why it is refused. Nobody is told of it: a thread."""
    try:
        return read(path)
    except OSError as problem:
        return Decision(Verdict.FAILED, f"{path}: cannot be read: {problem.strerror}")
    except BadPost as problem:
        return Decision(Verdict.FAILED, str(BadPost(problem.line, problem.problem, path)))
    except Unreadable as problem:
        return Decision(Verdict.FAILED, f"{path}: {problem.problem}")
    except NotAStory as problem:
        return Decision(Verdict.REJECTED, f"{path}: not a post of this newspaper ({problem.url})")


def _draft(path: Path, seeds: Path) -> Draft:
    place = path.resolve()
    inside = place.relative_to(seeds).as_posix() if place.is_relative_to(seeds) else None
    return draft_of_post(_data(path), in_place=inside)


def _date(path: Path) -> datetime:
    return read_post(_data(path)).date


def _data(path: Path) -> bytes:
    # A pipe has no end, a dangling link no beginning.
    if not path.is_file():
        raise Unreadable(str(path), "no regular file")
    return path.read_bytes()


def post_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the post files named by paths: files as given, of folders every `*.md` below.

    A README is no post. Raises `UsageError` for a path that is not there or cannot be read.
    """
    for path in paths:
        try:
            if path.is_dir():
                yield from _below(path)
            elif path.exists():
                yield path
            else:
                raise UsageError(f"{path}: no such file or folder")
        except OSError as problem:
            raise UsageError(f"{path}: cannot be read: {problem.strerror}") from problem


def _below(folder: Path) -> Iterator[Path]:
    # os.walk tells files from folders without asking for each.
    for place, folders, names in os.walk(folder, onerror=_reraise):
        folders.sort()
        yield from (Path(place, n) for n in sorted(names) if n.endswith(".md") and n != "README.md")


def _reraise(error: OSError) -> None:
    raise error
