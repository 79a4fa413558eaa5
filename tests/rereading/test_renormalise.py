"""`harvester renormalise`: a reader that was mended reads again what was kept, and no more."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harvester.drafts import draft_of_page, normalise
from harvester.model import BodyMode
from harvester.replica import Site, Story
from harvester.replica.making import make
from harvester.replica.server import ReplicaServer
from harvester.zaobao import story_ref
from tests.e2e.processes import Finished
from tests.e2e.support import address, story
from tests.rereading.harvests import Harvest, Table, addresses, differing
from tests.rereading.readers import ERA, FORGETFUL, REFUSING, SAME, reader

# What tells the machine's time, or who read a page.
_TIMES = ("first_seen", "updated_at", "stored_at", "observed_at", "seen_at", "at", "parser")
_DAMAGE: dict[str, Callable[[Path], object]] = {
    "lost": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:5_000]),
    "overwritten": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


@dataclass(frozen=True)
class Made:
    """One site harvested by three readers: a whole one, and two that were broken for one layout."""

    whole: Harvest
    refusing: Harvest
    forgetful: Harvest
    readers: dict[str, Path]

    def broken(self, name: str) -> Harvest:
        """Return the harvest of a broken reader."""
        return self.refusing if name == "refusing" else self.forgetful


@pytest.fixture(scope="module")
def made(folder: Path) -> Made:
    """Return three harvests of the arranged site, each address visited twice."""
    lines = {"refusing": REFUSING, "forgetful": FORGETFUL, "same": SAME}
    readers = {name: reader(folder / f"by-{name}", line) for name, line in lines.items()}

    async def harvesting(name: str, server: ReplicaServer) -> Harvest:
        harvest = Harvest(folder / name, server.origin)
        harvest.root.mkdir()
        urls = addresses(server.site)
        how = {"package": readers[name]} if name in readers else {}
        await harvest.visit(urls, **how)
        await harvest.visit(urls, **how)  # what failed is asked for again: more pages of it
        return harvest

    async def all_harvests() -> list[Harvest]:
        async with ReplicaServer(Site.arranged()) as server:
            return [await harvesting(name, server) for name in ("whole", "refusing", "forgetful")]

    whole, refusing, forgetful = asyncio.run(all_harvests())
    return Made(whole, refusing, forgetful, readers)


def renormalised(harvest: Harvest, *options: object, **how: Any) -> Finished:  # noqa: ANN401
    """Run `renormalise` to its end."""
    return asyncio.run(harvest.run("renormalise", *options, **how))


def told(ended: Finished) -> dict[str, Any]:
    """Return the object of `--json`, but for how long it took and whether it was a trial."""
    found = json.loads(ended.stdout)
    return {name: found[name] for name in found if name not in {"seconds", "dry_run"}}


def changes_after(harvest: Harvest, seq: int) -> Counter[tuple[str, str]]:
    """Return what the change log says since, by kind and layout."""
    query = "SELECT op, era FROM changes JOIN stories USING (story_id) WHERE changes.seq > ?"
    return Counter(harvest.select(query, seq))


def last_seq(harvest: Harvest) -> int:
    """Return the number of the last change."""
    return int(harvest.select("SELECT max(seq) FROM changes")[0][0])


def of_other_eras(harvest: Harvest) -> tuple[Table, dict[str, tuple[int, int]]]:
    """Return all texts of stories in other layouts, and what tells their files were not written."""
    query = "SELECT revisions.* FROM revisions JOIN stories USING (story_id) WHERE era <> ?"
    paths = {path for (path,) in harvest.select("SELECT path FROM stories WHERE era = ?", ERA)}
    untouched = {path: at for path, at in harvest.identities().items() if path not in paths}
    return sorted(harvest.select(query, ERA)), untouched


def agree(harvest: Harvest) -> None:
    """Hold disk and catalogue to each other."""
    assert asyncio.run(harvest.run("verify")).returncode == 0


# --- a reader that was broken and is mended ---


@pytest.mark.parametrize(("name", "op"), [("refusing", "new"), ("forgetful", "renormalised")])
def test_a_mended_reader(made: Made, name: str, op: str, place: Path) -> None:
    """All posts are those of a harvest that was never broken; nothing else is touched.

    Every story of the layout is told of once, with a kind of its own where it is no news.
    """
    harvest, whole = made.broken(name).copied(place), made.whole
    in_era = whole.select("SELECT count(*) FROM stories WHERE era = ?", ERA)[0][0]
    seq, untouched = last_seq(harvest), of_other_eras(harvest)
    assert harvest.posts() != whole.posts()

    ended = renormalised(harvest, "--json")

    counts = told(ended)
    assert (ended.returncode, counts["failed"]) == (0, 0), ended.stderr
    assert counts["changes"][ERA]["stories"] == in_era > 10
    assert harvest.posts() == whole.posts()
    assert [line["sha256"] for line in harvest.manifest()] == [
        line["sha256"] for line in whole.manifest()
    ]
    assert changes_after(harvest, seq) == {(op, ERA): in_era}
    assert of_other_eras(harvest) == untouched
    agree(harvest)


@pytest.mark.parametrize("name", ["refusing", "forgetful"])
def test_a_trial_says_what_will_be(made: Made, name: str, place: Path) -> None:
    """`--dry-run` tells exactly what the run does afterwards, and writes not a byte."""
    harvest = made.broken(name).copied(place)
    before, untouched = harvest.everything(), harvest.identities()

    trial = renormalised(harvest, "--dry-run", "--json")
    spoken = renormalised(harvest, "--dry-run")

    assert harvest.everything() == before
    assert harvest.identities() == untouched
    assert f"{ERA}: " in spoken.stdout
    assert "would change" in spoken.stdout
    assert told(trial) == told(renormalised(harvest, "--json"))


@pytest.mark.parametrize("name", ["refusing", "forgetful"])
def test_no_second_time(made: Made, name: str, place: Path) -> None:
    """What this reader has read is passed by: a second run writes nothing."""
    harvest = made.broken(name).copied(place)
    assert renormalised(harvest).returncode == 0
    seq, untouched = last_seq(harvest), harvest.identities()

    counts = told(renormalised(harvest, "--json"))

    assert counts["skipped"] == counts["discovered"] > 0
    assert (last_seq(harvest), harvest.identities()) == (seq, untouched)


async def test_nothing_is_asked_for(made: Made, place: Path) -> None:
    """The site hears nothing of it."""
    harvest = made.forgetful.copied(place)
    async with ReplicaServer(Site.arranged()) as server:
        ended = await harvest.run("renormalise", environ={"HARVESTER_SITE_ORIGIN": server.origin})
        assert ended.returncode == 0
        assert server.log == []


def test_from_a_day_on(made: Made, place: Path) -> None:
    """`--since` leaves stories of earlier issue days as they are; they are not counted."""
    harvest = made.forgetful.copied(place)
    before = harvest.posts()
    days = {
        path: story_ref(url).day.isoformat()
        for path, url in harvest.select("SELECT path, url FROM stories WHERE era = ?", ERA)
    }
    since = sorted(days.values())[len(days) // 2]

    counts = told(renormalised(harvest, "--json", "--since", since))

    after, whole = harvest.posts(), made.whole.posts()
    changed = {path for path in before if before[path] != after[path]}
    assert changed == {path for path, day in days.items() if day >= since}
    assert all(after[path] == whole[path] for path in changed)
    assert counts["revised"] == len(changed) < len(days)


def test_what_cannot_be_read_any_more(made: Made, place: Path) -> None:
    """A text that today's reader cannot have is kept, and told as failed; the rest is done."""
    harvest = made.whole.copied(place)
    before, untouched = harvest.tables(), harvest.identities()

    ended = renormalised(harvest, "--json", "--verbose", package=made.readers["refusing"])

    counts = told(ended)
    in_era = harvest.select("SELECT count(*) FROM stories WHERE era = ?", ERA)[0][0]
    assert (ended.returncode, counts["failed"], counts["revised"]) == (1, in_era, 0)
    assert "could be read before, and is kept: broken on purpose" in ended.stderr
    assert harvest.identities() == untouched
    assert differing(before, {**harvest.tables(), "captures": before["captures"]}) == {}


def test_another_reader_that_reads_the_same(made: Made, place: Path) -> None:
    """Nothing is written where nothing is read otherwise, twins and rejected pages included."""
    harvest = made.whole.copied(place)
    before, untouched = harvest.tables(["parser"]), harvest.identities()
    without = {name: before[name] for name in before if name != "captures"}

    counts = told(renormalised(harvest, "--json", package=made.readers["same"]))

    assert (counts["failed"], counts["changes"]) == (0, {})
    assert differing(without, harvest.tables(["parser"])) == {}
    assert harvest.identities() == untouched


# --- pages that are not what they were ---


@pytest.mark.parametrize("damage", list(_DAMAGE))
def test_a_file_that_is_lost(made: Made, damage: str, place: Path) -> None:
    """Its stories are told as failed with its name; those of other files are done.

    When the file is there again, so are they.
    """
    harvest = made.refusing.copied(place)
    first, second = harvest.warcs
    kept = first.read_bytes()
    _DAMAGE[damage](first)

    ended = renormalised(harvest, "--json", "--verbose")

    counts = told(ended)
    lost = [line for line in ended.stderr.splitlines() if line.startswith("failed ")]
    assert (ended.returncode, len(lost)) == (1, counts["failed"]), ended.stderr
    assert counts["failed"] > 0
    assert all(first.name in line for line in lost)
    assert second.exists()

    first.write_bytes(kept)
    assert renormalised(harvest).returncode == 0
    assert harvest.posts() == made.whole.posts()


def test_held_back_stays_held_back(place: Path, made: Made) -> None:
    """A page held back for doubt whose text reads as before is not written by another reader."""
    first, *others = (story(9_810_000 + n, f"2026-09-1{n}T09:00:00") for n in range(4))
    same = [make(each.path, each.era, "2026-09-11T09:00:00", title=first.title, body=first.body)
            for each in others]  # fmt: skip
    place.mkdir()

    async def harvesting() -> Harvest:
        async with ReplicaServer(Site([first, *same])) as server:
            harvest = Harvest(place, server.origin)
            await harvest.visit(map(address, [first, *same]))
            return harvest

    harvest = asyncio.run(harvesting())
    doubtful = "SELECT story_id, reason FROM visits WHERE reason LIKE 'doubtful%' ORDER BY 1"
    held, before = harvest.select(doubtful), harvest.tables(["parser"])
    assert len(held) == 2

    ended = renormalised(harvest, "--json", package=made.readers["same"])

    counts = told(ended)
    assert (ended.returncode, counts["new"], counts["revised"]) == (0, 0, 0)
    assert harvest.select(doubtful) == held
    assert differing(before, {**harvest.tables(["parser"]), "captures": before["captures"]}) == {}


# --- who follows the archive ---

_HOOK = """
[[hooks]]
name = "site"
command = "sh -c 'cat >> {got}'"
"""


def test_consumers_hear_of_it(made: Made, place: Path) -> None:
    """It is a change of the file like any other: log, diff, mirror, hooks, feeds and search."""
    harvest = made.forgetful.copied(place)
    seq, got = last_seq(harvest), place / "got"
    (place / "harvester.toml").write_text(_HOOK.format(got=got), "utf-8")

    def run(*words: object) -> str:
        ended = asyncio.run(harvest.run("--config", "harvester.toml", *words))
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    story_id, path, sentence = missing_sentence(harvest, made.whole)
    query = ("search", f'"{sentence}"', "--json")
    run("mirror", place / "mirror")
    assert json.loads(run(*query))["results"] == []

    run("renormalise")

    entries = [json.loads(line) for line in run("changes", "--since", seq).splitlines()]
    in_era: dict[str, str] = dict(
        harvest.select("SELECT story_id, sha256 FROM stories WHERE era = ?", ERA)
    )
    assert {each["op"] for each in entries} == {"renormalised"}
    assert {each["story_id"]: each["sha256"] for each in entries} == in_era
    assert sentence in run("diff", story_id)
    run("mirror", place / "mirror")
    assert (place / "mirror" / path).read_bytes() == (harvest.seeds / path).read_bytes()
    run("hooks", "deliver")
    heard = [json.loads(line) for line in got.read_text("utf-8").splitlines()]
    assert [each["seq"] for each in heard] == [each["seq"] for each in entries]
    assert sentence in (harvest.seeds / "feeds" / "all.atom").read_text("utf-8")
    assert [each["story_id"] for each in json.loads(run(*query))["results"]] == [story_id]


def missing_sentence(harvest: Harvest, whole: Harvest) -> tuple[str, str, str]:
    """Return a story that lost a paragraph, its path, and words of it that stand nowhere else."""
    found = harvest.select("SELECT story_id, path FROM stories WHERE era = ? ORDER BY 1", ERA)
    everything = b"".join(harvest.posts().values()).decode()
    for story_id, path in found:
        for paragraph in whole.posts()[path].decode().split("<p>")[1:]:
            words = paragraph[:12]
            if words not in everything and words.isalpha():
                return story_id, path, words
    raise AssertionError("no paragraph is missing")


# --- posts from elsewhere ---


@pytest.mark.parametrize("name", ["same", "refusing"])
def test_imported_posts_are_left_alone(made: Made, name: str, place: Path) -> None:
    """A post of another dialect whose page shows its text stays as it was, byte for byte.

    Whether the reader before could read the page or not.
    """
    stories = [each.story for each in Site.arranged().truth() if each.story.era == ERA][:6]
    posts = place / "old"
    posts.mkdir(parents=True)
    for each in stories:
        (posts / f"{each.published:%Y-%m-%d}-{each.story_id}.md").write_bytes(verbatim(each))

    async def harvesting() -> Harvest:
        async with ReplicaServer(Site(stories)) as server:
            harvest = Harvest(place, server.origin)
            assert (await harvest.run("import", posts)).returncode == 0
            await harvest.fetch(*map(address, stories), package=made.readers[name])
            return harvest

    harvest = asyncio.run(harvesting())
    seq, untouched = last_seq(harvest), harvest.identities()
    assert sorted(harvest.posts().values()) == sorted(map(verbatim, stories))

    ended = renormalised(harvest, "--json")

    counts = told(ended)
    assert (ended.returncode, counts["unchanged"], counts["revised"]) == (0, len(stories), 0)
    assert harvest.identities() == untouched
    assert changes_after(harvest, seq).keys() <= {("renormalised", ERA), ("revised", ERA)}
    assert len(harvest.select("SELECT * FROM revisions")) == len(stories)


def verbatim(shown: Story) -> bytes:
    """Return the post of a story with its body as the site has it, under another author line."""
    page = Site([shown]).answer("www.zaobao.com.sg", f"/{shown.path}").body
    article = normalise(page, address(shown), body=BodyMode.VERBATIM)
    data = draft_of_page(article, shown.published).data
    return data.replace("tags: [ 联合早报 ]".encode(), "tags: [ 联合早报, 旧 ]".encode())
