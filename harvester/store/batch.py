"""The write rule: a batch is judged, its files are made durable, then its rows are committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, count, islice
from pathlib import Path, PurePosixPath

from harvester.clock import Clock
from harvester.errors import DiskError, HarvesterError, Unreadable
from harvester.model import (
    Capture,
    Decision,
    Draft,
    Evidence,
    Exchange,
    Known,
    Stored,
    Validators,
    Verdict,
    Visit,
    VisitState,
)
from harvester.store import captures, pages, rows, stories
from harvester.store.database import transaction
from harvester.store.manifest import Manifest
from harvester.store.raw import RawFiles
from harvester.store.tree import PostTree, folder_of

Decide = Callable[[Known | None, str | None, Draft], Decision]
Outcome = Stored | HarvesterError | None

BATCH = 50


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to write: a draft with the visit that brought it, or a visit alone.

    `evidence` is the page; with `hold` its text was not written, and the page is kept at hand.
    `stored_at` is when it was stored first, where that is done again.
    """

    draft: Draft | None
    visit: Visit | None
    evidence: Evidence | None = None
    hold: bool = False
    stored_at: datetime | None = None

    @property
    def keys(self) -> frozenset[str]:
        """Return what another command's verdict may depend on."""
        if self.draft is None:
            return frozenset()
        return frozenset({self.draft.article.story_id, self.draft.content_hash})


@dataclass(frozen=True, slots=True)
class Intent:
    """A draft that has been judged: where its text goes and whether the file is ours to write."""

    draft: Draft
    decision: Decision
    path: str | None
    twin: str | None
    file: bool

    @property
    def in_place(self) -> bool:
        """Return whether the file lies there already with these bytes."""
        return self.draft.in_place and self.path == self.draft.name

    @property
    def stored(self) -> Stored:
        """Return what the caller is told once it is true."""
        return Stored(self.draft.article.story_id, self.decision, self.path)


def batch_size(commands: Iterable[Command]) -> int:
    """Return how many commands from the front may share a batch, at least one if there is any.

    No two of them concern one story or one text: then each can be judged by the committed state
    alone, and is seen by those after it.
    """
    seen: set[str] = set()
    size = 0
    for command in islice(commands, BATCH):
        if seen & command.keys:
            break
        seen |= command.keys
        size += 1
    return size


class BatchWriter:
    """Applies batches on the connection's thread; remembers the folders it has marked."""

    def __init__(
        self,
        tree: PostTree,
        aside: Path,
        decide: Decide,
        name_key: Callable[[str], str],
        clock: Clock,
        manifest: Manifest,
        raw: RawFiles | None = None,
    ) -> None:
        self._manifest = manifest
        self._raw = raw
        self._tree = tree
        self._aside = aside
        self._decide = decide
        self._name_key = name_key
        self._clock = clock
        self._marked: set[str] = set()

    def apply(self, connection: sqlite3.Connection, commands: Sequence[Command]) -> list[Outcome]:
        """Write a batch; return an outcome for each command.

        An error among the outcomes concerns one draft, which could not be judged or placed:
        nothing of it was written. Raises DiskError or sqlite3.Error when the batch as a whole was
        not made durable: then none of its rows is there.
        """
        judged = self._judge_all(connection, commands)
        intents = [intent for intent in judged if isinstance(intent, Intent)]
        now = self._clock.now()
        kept = self._keep_pages(connection, commands, judged, now)
        self._write_files(connection, [intent for intent in intents if intent.file])
        with transaction(connection):
            for command, intent in zip(commands, judged, strict=True):
                self._write_rows(connection, command, intent, command.stored_at or now)
            for capture in kept:
                captures.insert(connection, capture)
            if self._raw:
                self._raw.grow(connection)
        return [each.stored if isinstance(each, Intent) else each for each in judged]

    def expect(self, connection: sqlite3.Connection, draft: Draft) -> Decision:
        """Return the verdict that a draft would get now; nothing is written."""
        return self._verdict(connection, draft)[0]

    def _verdict(self, connection: sqlite3.Connection, draft: Draft) -> tuple[Decision, str | None]:
        """Return the verdict on a draft, and another story with its text."""
        story_id = draft.article.story_id
        twin = rows.twin(connection, draft.content_hash, story_id)
        return self._decide(rows.known(connection, story_id), twin, draft), twin

    def _judge_all(
        self, connection: sqlite3.Connection, commands: Sequence[Command]
    ) -> list[Intent | HarvesterError | None]:
        taken: set[str] = set()
        judged: list[Intent | HarvesterError | None] = []
        for command in commands:
            try:
                draft = command.draft
                judged.append(self._judge(connection, draft, taken) if draft else None)
            except HarvesterError as error:
                judged.append(error)
        return judged

    def _judge(self, connection: sqlite3.Connection, draft: Draft, taken: set[str]) -> Intent:
        _refuse_broken_text(draft)
        decision, twin = self._verdict(connection, draft)
        path = None
        file = decision.verdict in {Verdict.NEW, Verdict.REVISED} and not decision.archival
        if decision.verdict is Verdict.NEW:
            path = self._choose_path(connection, draft, taken)
            taken.add(self._name_key(path))
        elif decision.verdict is not Verdict.DUPLICATE:
            path = stories.path_of(connection, draft.article.story_id)
        intent = Intent(draft, decision, path, twin, file)
        if file and intent.in_place and self._tree.read(draft.name) != draft.data:
            raise DiskError(f"{self._tree.root / draft.name}: changed since it was read")
        return intent

    def _choose_path(self, connection: sqlite3.Connection, draft: Draft, taken: set[str]) -> str:
        """Return the wished name, the reserve, or the reserve with a number: the first free one."""
        for path in chain([draft.name], _numbered(draft.reserve)):
            in_place = draft.in_place and path == draft.name
            if not in_place and not self._tree.is_free(path):
                continue
            key = self._name_key(path)
            if key not in taken and not stories.is_key_taken(connection, key):
                return path
        raise AssertionError("numbers do not end")

    def _keep_pages(
        self,
        connection: sqlite3.Connection,
        commands: Sequence[Command],
        judged: Sequence[Intent | HarvesterError | None],
        now: datetime,
    ) -> list[Capture]:
        """Put the pages of a batch into the raw archive, before all else: they cannot be had again.

        What lies elsewhere already is only told of.
        """
        if self._raw is None:
            return []
        elsewhere: list[Capture] = []
        looks: list[tuple[Capture, Exchange]] = []
        for command, intent in zip(commands, judged, strict=True):
            if not command.evidence or isinstance(intent, HarvesterError):
                continue
            stored_at = command.stored_at or now
            capture = _captured(command, command.evidence, intent, self._raw.parser, stored_at)
            if capture.place:
                elsewhere.append(capture)
            elif command.evidence.page.exchange:
                looks.append((capture, command.evidence.page.exchange))
        return elsewhere + self._raw.keep(connection, looks, now)

    def _write_files(self, connection: sqlite3.Connection, intents: Sequence[Intent]) -> None:
        paths = [intent.path for intent in intents if intent.path]
        self._mark(connection, {folder_of(path) for path in paths})
        self._manifest.withdraw(
            intent.path
            for intent in intents
            if intent.path and intent.decision.verdict is Verdict.REVISED
        )
        for intent, path in zip(intents, paths, strict=True):
            if intent.in_place:
                self._tree.sync_file(path)
                continue
            if intent.decision.verdict is Verdict.REVISED:
                self._keep_edited(connection, path)
            self._tree.write(path, intent.draft.data, intent.draft.article.story_id)
        self._tree.sync_folders(map(folder_of, paths))

    def _keep_edited(self, connection: sqlite3.Connection, path: str) -> None:
        """Copy aside a file that is not the one stored: somebody has worked on it."""
        digest = self._tree.digest(path)
        if digest is not None and digest != stories.sha256_of(connection, path):
            self._tree.copy_aside(path, self._aside)

    def _mark(self, connection: sqlite3.Connection, folders: set[str]) -> None:
        """Record durably that a kill from now on may leave something behind in these folders."""
        if unmarked := folders - self._marked:
            with transaction(connection):
                rows.mark_dirty(connection, unmarked)
            self._marked |= unmarked

    def _write_rows(
        self,
        connection: sqlite3.Connection,
        command: Command,
        intent: Intent | HarvesterError | None,
        now: datetime,
    ) -> None:
        if isinstance(intent, HarvesterError):
            return
        if intent:
            self._write_story(connection, intent, now)
        if visit := command.visit:
            if intent and intent.decision.verdict is Verdict.DUPLICATE:
                # "Not modified" would hide that the other story has another text by now.
                visit = replace(visit, validators=Validators())
            rows.write_visit(connection, visit)
            if command.hold and command.evidence:
                pages.keep(connection, visit.story_id, command.evidence.page)
            elif visit.state is VisitState.REJECTED or not visit.failures:
                pages.drop(connection, visit.story_id)
            seen = not intent and not command.hold
            if visit.state is VisitState.HELD and seen and visit.missing_since is None:
                stories.restore_story(connection, visit.story_id, visit.checked_at, now)

    def _write_story(self, connection: sqlite3.Connection, intent: Intent, now: datetime) -> None:
        draft = intent.draft
        match intent.decision:
            case Decision(verdict=Verdict.NEW):
                path = str(intent.path)
                stories.insert_story(connection, draft, path, self._name_key(path), now)
            case Decision(verdict=Verdict.REVISED, archival=True):
                stories.archive_text(connection, draft, now)
            case Decision(verdict=Verdict.REVISED):
                stories.revise_story(connection, draft, now)
            case Decision(verdict=Verdict.UNCHANGED, archival=archival):
                stories.confirm_story(connection, draft, now)
                if not archival and draft.reread_of is None:
                    story_id = draft.article.story_id
                    stories.restore_story(connection, story_id, draft.observed_at, now)
            case Decision(verdict=Verdict.DUPLICATE):
                stories.write_alias(connection, draft, str(intent.twin), now)


def _captured(
    command: Command, evidence: Evidence, intent: Intent | None, parser: str, now: datetime
) -> Capture:
    """Return what is told of a page in the raw archive."""
    page, reading = evidence.page, command.draft or evidence.reading
    decision = evidence.decision or (intent.decision if intent else None)
    if decision is None:
        raise ValueError(f"{page.url}: a page without an end state")
    return Capture(
        story_id=evidence.ref.story_id,
        url=page.url,
        final_url=page.final_url,
        status=page.status,
        seen_at=page.fetched_at,
        stored_at=now,
        source=evidence.source,
        decision=decision,
        content_hash=reading.content_hash if reading else "",
        sha256=reading.sha256 if reading else "",
        mode=evidence.mode,
        parser=parser,
        path=(intent.path or "") if intent else "",
        digest="",
        lastmod=evidence.ref.lastmod,
        place=evidence.place,
    )


def _numbered(reserve: str) -> Iterator[str]:
    yield reserve
    pure = PurePosixPath(reserve)
    for number in count(2):
        yield str(pure.with_name(f"{pure.stem}-{number}{pure.suffix}"))


def _refuse_broken_text(draft: Draft) -> None:
    """Refuse half a surrogate pair, which a page can carry in JSON and no file or row can."""
    article = draft.article
    try:
        "".join((article.title, article.author, *article.tags)).encode()
    except UnicodeEncodeError as error:
        raise Unreadable(article.url, f"text that is not Unicode ({error.reason})") from error
