"""The archive as a dictionary: what must be held after each thing that can happen. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

_GONE_AFTER = timedelta(days=3)


@dataclass(frozen=True)
class Held:
    """A story that is held. `texts` are all there were, in the order they came.

    `of_page` says whether a page has told what a post cannot (layout and access).
    """

    texts: tuple[int, ...]
    current: int
    observed: datetime
    of_page: bool
    gone_at: datetime | None = None


@dataclass(frozen=True)
class Look:
    """The last visit: whether it left the story as held, and since when nothing is there."""

    held: bool
    missing_since: datetime | None = None


@dataclass(frozen=True)
class Known:
    """All that is known of a story."""

    held: Held | None = None
    look: Look | None = None


@dataclass(frozen=True)
class Came:
    """A text that came, seen at an instant, from a page or from a post."""

    text: int
    observed: datetime
    of_page: bool = True


@dataclass(frozen=True)
class Missing:
    """A page that is gone; `for_good` whatever the earlier looks said."""

    at: datetime
    for_good: bool = False


@dataclass(frozen=True)
class Unmodified:
    """A page that is as it was at the last look (304)."""

    at: datetime


Event = Came | Missing | Unmodified


@dataclass(frozen=True)
class After:
    """What an event makes of a story: its verdict, the entries of the log, and the state.

    `writes` says whether its file is written.
    """

    known: Known
    verdict: str
    log: tuple[str, ...] = ()
    writes: bool = False


def follow(before: Known, event: Event, *, twin: bool) -> After:
    """Return what an event makes of a story; `twin`: another story has the text that came."""
    match event:
        case Came():
            return _came(before, event, twin=twin)
        case Missing():
            return _missing(before, event)
        case Unmodified(at):
            held, log = _seen_again(before.held, at)
            return After(Known(held, Look(held=True)), "unchanged", log)


def _came(before: Known, came: Came, *, twin: bool) -> After:
    imported = not came.of_page and before.look
    look = before.look if imported else Look(held=True)
    held = before.held
    if held is None and twin:
        return After(Known(None, look), "duplicate")
    if held is None:
        held = Held((came.text,), came.text, came.observed, came.of_page)
        return After(Known(held, look), "new", ("new",), writes=True)
    if came.text == held.current:
        held, log = _confirmed(held, came)
        return After(Known(held, look), "unchanged", log)
    return _another_text(held, look, came)


def _another_text(held: Held, look: Look | None, came: Came) -> After:
    texts = (*held.texts, came.text)
    if came.observed > held.observed:
        gone_at = held.gone_at if held.gone_at and held.gone_at > came.observed else None
        held = Held(texts, came.text, came.observed, came.of_page, gone_at)
        return After(Known(held, look), "revised", ("revised",), writes=True)
    if came.text in held.texts:
        return After(Known(held, look), "unchanged")
    return After(Known(replace(held, texts=texts), look), "revised")


def _confirmed(held: Held, came: Came) -> tuple[Held | None, tuple[str, ...]]:
    told: tuple[str, ...] = ()
    if came.observed >= held.observed:
        if came.of_page and not held.of_page:
            held, told = replace(held, of_page=True), ("revised",)
        held = replace(held, observed=came.observed)
    restored, log = _seen_again(held, came.observed)
    return restored, told + log


def _seen_again(held: Held | None, at: datetime) -> tuple[Held | None, tuple[str, ...]]:
    if held and held.gone_at and held.gone_at <= at:
        return replace(held, gone_at=None), ("revised",)
    return held, ()


def _missing(before: Known, event: Missing) -> After:
    since = before.look.missing_since if before.look else None
    since = since or event.at
    look = Look(held=bool(before.look and before.look.held), missing_since=since)
    gone = event.for_good or (look.held and event.at - since >= _GONE_AFTER)
    verdict = "buried" if event.for_good else "rejected"
    if gone and before.held and before.held.gone_at is None:
        return After(Known(replace(before.held, gone_at=event.at), look), verdict, ("gone",))
    return After(Known(before.held, look), verdict)


def adopted(before: Known, came: Came, date: datetime) -> After:
    """Return what the next start makes of a new text whose file is there and whose row is not."""
    held = Held((came.text,), came.text, date, of_page=False)
    return After(Known(held, before.look or Look(held=True)), "new", ("new",), writes=True)


@dataclass
class Model:
    """What is held by story number, and the whole change log."""

    known: dict[int, Known] = field(default_factory=dict)
    log: list[tuple[str, int]] = field(default_factory=list)

    def of(self, number: int) -> Known:
        """Return what is known of a story."""
        return self.known.get(number, Known())

    @property
    def held(self) -> dict[int, Held]:
        """The stories that are held."""
        return {number: known.held for number, known in self.known.items() if known.held}

    def currents(self, without: int | None = None) -> set[int]:
        """Return the texts that stories have as they stand."""
        return {held.current for number, held in self.held.items() if number != without}

    def expect(self, number: int, event: Event, *, as_twin: bool) -> After:
        """Return what an event makes of a story as all stands now.

        `as_twin` if the story was taken for the twin of one that had its text until now: of what
        is written at one time another text of that one may have come first.
        """
        text = event.text if isinstance(event, Came) else None
        return follow(self.of(number), event, twin=as_twin or text in self.currents(number))

    def held_back(self, number: int) -> After:
        """Return what is left of a story whose text stands under several others of the last day."""
        before = self.of(number)
        assert before.held is None, f"story {number} is held"
        since = before.look.missing_since if before.look else None
        return After(Known(None, Look(held=False, missing_since=since)), "failed")

    def possible(self, number: int, event: Event, date: datetime) -> Iterator[After]:
        """Return what a story may be after a kill: what it was, or what it was about to be.

        Of two stories about to have one text either may have come first. `date` is the one in
        the post: all that the next start knows of a file without a row.
        """
        before = self.of(number)
        yield After(before, "nothing")
        yield follow(before, event, twin=False)
        if isinstance(event, Came) and before.held is None:
            yield follow(before, event, twin=True)
            yield self.held_back(number)
            yield adopted(before, event, date)

    def take(self, number: int, after: After) -> None:
        """Let it be so."""
        self.known[number] = after.known
        self.log += [(op, number) for op in after.log]
