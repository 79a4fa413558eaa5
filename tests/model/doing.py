"""What the machine lets be done: jobs, to their end or not, and the starts and stops between."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.stateful import rule

from harvester.store import open_archive
from tests.model import looking, stories
from tests.model.jobs import (
    JOBS,
    MOMENTS,
    PAIRS,
    Bury,
    Due,
    Errand,
    Fetch,
    Import,
    Job,
    Moment,
    Put,
)
from tests.model.model import Came, Event, Missing, Unmodified
from tests.model.office import Office, by_story
from tests.model.processes import Answer, Worker


class Doing(Office):
    """Rules of the process, and what each job is to come to."""

    @rule(job=JOBS)
    def work(self, job: Job) -> None:
        """Do a job to its end."""
        worker, errand = self._begin(job)
        worker.send(errand.order, self._now, **errand.fields)
        answer = worker.answer()
        assert answer.trouble is None, answer.trouble
        assert not answer.died
        self._ended(errand, answer)

    @rule(job=JOBS, moment=MOMENTS)
    def kill(self, job: Job, moment: Moment) -> None:
        """Kill the process while it does a job, or right after."""
        self._kill(job, moment)

    def _kill(self, job: Job, moment: Moment) -> None:
        worker, errand = self._begin(job)
        worker.send(errand.order, self._now, kill=moment.call, **errand.fields)
        answer = worker.answer(kill_after=moment.ends if moment.call is None else None)
        assert answer.trouble is None, answer.trouble
        self._tally["kills at work"] += answer.died
        self._died(worker)
        self._ended(errand, answer)

    @rule(texts=PAIRS, call=st.integers(0, 40))
    def kill_writer(self, texts: list[tuple[int, int]], call: int) -> None:
        """Kill the process while it writes."""
        self._kill(Put(tuple(texts)), Moment(call))

    @rule(job=JOBS, second=st.booleans())
    def watch(self, job: Job, second: bool) -> None:
        """Read while a job is done: what is seen is whole. A second writer is refused."""
        worker, errand = self._begin(job)
        worker.send(errand.order, self._now, **errand.fields)
        if second:
            self._second_writer()
        while not worker.has_answered():
            self._glance(errand)
        answer = worker.answer()
        assert answer.trouble is None, answer.trouble
        self._ended(errand, answer)

    @rule(
        job=JOBS,
        size=st.sampled_from((0, 500, 2000, 6000, 30_000, 90_000, 130_000)),
        keep=st.booleans(),
    )
    def fill_disk(self, job: Job, size: int, keep: bool) -> None:
        """Do a job where no file may grow beyond a size; then there is room again."""
        worker, errand = self._begin(job)
        worker.limit_files(size)
        worker.send(errand.order, self._now, **errand.fields)
        answer = worker.answer()
        assert not answer.died
        if answer.trouble:
            assert answer.trouble[0] == "DiskError", answer.trouble
            self._tally["disk errors"] += 1
        self._ended(errand, answer)
        if answer.trouble and keep:
            self._reopen(worker)
        worker.limit_files(None)
        if answer.trouble and not self._open:
            assert self._reopen(worker), "there is room again"

    # --- the process ---

    @rule(again=st.booleans())
    def restart(self, again: bool) -> None:
        """Close the archive as on a stop; open it again, perhaps in a new process."""
        self._close()
        if again:
            self._start()

    @rule(call=st.integers(0, 60))
    def kill_start(self, call: int) -> None:
        """Kill a process while it starts."""
        self._close()
        self._start(kill=call)

    @rule(call=st.integers(0, 60))
    def kill_stop(self, call: int) -> None:
        """Kill a process while it stops."""
        self._ensure()
        assert self._worker
        self._worker.send("close", self._now, kill=call)
        answer = self._worker.answer()
        assert answer.trouble is None, answer.trouble
        self._tally["kills at stop"] += answer.died
        self._died(self._worker)

    def _glance(self, errand: Errand) -> None:
        """Read as other programs do: whatever the moment, each story has one of its texts."""
        with open_archive(self._root / "seeds", self._root / "state") as reader:
            for row in reader.stories():
                number, text = stories.text_of(row.post)
                held, event = self._model.of(number).held, errand.events.get(number)
                texts = {held.current} if held else set()
                assert text in texts | ({event.text} if isinstance(event, Came) else set())
                assert self._paths.get(number, row.path) == row.path
            numbers = [change.seq for change in reader.changes()]
            assert numbers == list(range(1, len(numbers) + 1))
        for data in looking.files(self._root, hidden=False).values():
            if data not in self._touched.values():
                stories.text_of(data)
        self._tally["readings meanwhile"] += 1

    # --- jobs ---

    def _begin(self, job: Job) -> tuple[Worker, Errand]:
        self._ensure()
        assert self._worker
        return self._worker, self._errand(job)

    def _errand(self, job: Job) -> Errand:
        """Return a job as an order, and what is to come of it."""
        match job:
            case Put(texts):
                events: dict[int, Event] = {n: Came(text, self._now) for n, text in texts}
                return self._as_errand("put", {"texts": texts}, events)
            case Bury(number):
                gone = Missing(self._now, for_good=True)
                return self._as_errand("bury", {"story": number}, {number: gone})
            case Import():
                return self._import(job)
            case Due() if self._texts or self._removed:
                return self._as_errand("due", {}, self._pages(set(range(stories.STORIES))))
            case Due():
                return self._as_errand("fetch", {"stories": [0]}, self._pages({0}))
            case Fetch(numbers):
                return self._as_errand("fetch", {"stories": numbers}, self._pages(set(numbers)))

    def _as_errand(self, order: str, fields: dict[str, object], events: dict[int, Event]) -> Errand:
        return Errand(order, fields, events, {n: stories.published(n) for n in events})

    def _pages(self, numbers: set[int]) -> dict[int, Event]:
        """Return what the site answers when it is asked for these stories."""
        validators = looking.look(self._root).validators
        events = {number: self._page(number, validators) for number in numbers}
        for number, event in events.items():
            if isinstance(event, Came):
                self._looked[number].add(event.observed)
        return events

    def _page(self, number: int, validators: dict[int, int]) -> Event:
        text, look = self._texts.get(number), self._model.of(number).look
        if text is None:
            return Missing(self._now)
        if look and look.held and validators.get(number) == text:
            return Unmodified(self._now)
        return Came(text, self._now)

    def _import(self, job: Import) -> Errand:
        """Write the posts; of several with one date the first by name is taken first."""
        folder = self._root / "posts"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        dates, events, paths = {}, dict[int, Event](), []
        for number, text in job.texts:
            date = stories.published(number) if job.old else self._now
            date = stories.later(date, abs(job.hours) if job.old else job.hours)
            path = folder / f"{number}.md"
            path.write_bytes(stories.old_post(number, text, date))
            dates[number], events[number] = date, Came(text, date, of_page=False)
            paths.append(str(path))
        return Errand("import", {"paths": paths}, events, dates)

    def _ended(self, errand: Errand, answer: Answer) -> None:
        """Take over what was acknowledged; doubt the rest, if there was trouble."""
        left, currents = dict(errand.events), self._model.currents()
        for story_id, verdict in answer.ends:
            number = stories.number_of(story_id)
            event = left.pop(number)
            if verdict == "skipped":
                assert errand.order == "due"
                assert self._model.of(number).look, "a story that nobody has looked at"
                continue
            if verdict == "failed" and answer.trouble:
                left[number] = event
                continue
            twin = isinstance(event, Came) and event.text in currents
            if verdict == "failed" and twin and self._has_aliases(number):
                self._model.take(number, self._model.held_back(number))
                self._tally["held back"] += 1
                continue
            after = self._model.expect(number, event, as_twin=twin and verdict == "duplicate")
            assert after.verdict == verdict, (number, event, self._model.of(number))
            if after.writes:
                self._put_right(number)
            self._model.take(number, after)
        if answer.trouble or answer.died:
            self._doubt = Errand(errand.order, errand.fields, left, errand.dates)
            self._starts = 0
            self._open = False
        else:
            named = {*self._texts, *self._removed} if errand.order == "due" else set(errand.events)
            assert not named & set(left), "stories of which nothing was heard"
        if not answer.died and not self._dead:
            self._learn_order(set(errand.events))

    def _has_aliases(self, number: int) -> bool:
        """Say whether another story was found to have a text of a third one."""
        known = ((other, self._model.of(other)) for other in range(stories.STORIES))
        return any(other != number and k.look and not k.held for other, k in known)

    def _learn_order(self, numbers: set[int]) -> None:
        """Take over in which order the entries of one job stand; each story's own is kept."""
        if self._doubt is not None:
            return
        seen, log = looking.look(self._root).log, self._model.log
        if seen != log and by_story(seen) == by_story(log):
            assert {n for _, n in _differing(seen, log)} <= numbers
            self._model.log = seen


def _differing(
    one: Sequence[tuple[str, int]], other: Sequence[tuple[str, int]]
) -> set[tuple[str, int]]:
    pairs = zip(one, other, strict=True)
    return {entry for first, second in pairs if first != second for entry in (first, second)}
