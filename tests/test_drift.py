"""Drift told from the record: alarms that must come, alarms that must not, and what waits."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.drift import (
    Alarm,
    Look,
    Record,
    Sign,
    hidden_page,
    list_look,
    read_page,
    rejected_page,
    unchanged_page,
    unreadable_page,
)
from harvester.model import Article, Era, Instant, Watch

START = datetime(2026, 10, 1, 4, 0, tzinfo=UTC)
CHINA = "realtime/china"
URL = "https://www.zaobao.com.sg/realtime/china/story20261001-1370001"
WATCH = Watch(CHINA, "https://www.zaobao.com.sg/realtime/china", newest=START)
ARTICLE = Article(
    "1370001",
    URL,
    CHINA,
    "潮水退去",
    Instant(START, "json-ld"),
    '<figure><img src="https://static.zaobao.com.sg/a.jpg"></figure>',
    ("渔" * 600,),
    Era.SG_2024,
    author="陈一",
    tags=("渔民",),
)
GOOD = read_page(ARTICLE, START)
UNREADABLE = unreadable_page(CHINA, URL, START)
HIDDEN = hidden_page(CHINA, URL, START)
TEASER = read_page(replace(ARTICLE, blocks=("渔" * 60,)), START)


def _after(*looks: Look) -> Record:
    record = Record()
    for look in looks:
        record.observe(look)
    return record


def _until_alarm(record: Record, look: Look, most: int) -> int:
    """Return how many such looks it takes to raise an alarm; `most` + 1 if that is not enough."""
    return next((n + 1 for n in range(most) if record.observe(look)), most + 1)


def _signs(record: Record, section: str = CHINA) -> set[Sign]:
    return {alarm.sign for alarm in record.alarms() if alarm.section == section}


def _mixed(good: Look, bad: Look, every: int, count: int) -> list[Look]:
    return [bad if n % every == every - 1 else good for n in range(count)]


@pytest.mark.parametrize("bad", [UNREADABLE, HIDDEN])
@pytest.mark.parametrize("history", [0, 10, 3_000])
def test_two_bad_pages_in_a_row(history: int, bad: Look) -> None:
    """After a clean record, or none, the second page in a row that cannot be read alarms."""
    record = _after(*[GOOD] * history)

    assert not record.observe(bad)
    assert [alarm.sign for alarm in record.observe(bad)] == list(bad.bad)


def test_a_consent_page_in_every_section() -> None:
    """A consent page at one address each of two sections alarms for all sections."""
    record = _after(*[GOOD] * 100, HIDDEN)
    record.observe(hidden_page("news/sea", URL, START))

    assert _signs(record, "*") == {Sign.HIDDEN}
    assert record.alarming(hidden_page("wencui", URL, START))


def test_one_broken_section_is_not_all() -> None:
    """What goes wrong in one section alone leaves the others free."""
    record = _after(*[GOOD] * 100, *[UNREADABLE] * 50)

    assert _signs(record) == {Sign.UNREADABLE}
    assert not _signs(record, "*")
    assert not _signs(record, "news/sea")


@pytest.mark.parametrize(
    ("sign", "change"),
    [
        (Sign.NO_AUTHOR, {"author": ""}),
        (Sign.NO_TAGS, {"tags": ()}),
        (Sign.NO_PICTURE, {"body": "<p>"}),
        (Sign.SHORT, {"blocks": ("渔" * 60,)}),
    ],
)
def test_a_field_goes_empty(sign: Sign, change: dict[str, object]) -> None:
    """A field filled in 99 of 100 articles that goes empty alarms within 4 looks, so do teasers."""
    bad = read_page(replace(ARTICLE, **change), START)  # type: ignore[arg-type]
    record = _after(*_mixed(GOOD, bad, 100, 450))

    assert _until_alarm(record, bad, 4) <= 4
    assert _signs(record) == {sign}


def test_a_mass_of_revisions() -> None:
    """When every held story shows another text, the alarm comes before the eighth of them."""
    same, other = unchanged_page(CHINA, URL, START), read_page(ARTICLE, START, revised=True)
    record = _after(*_mixed(same, other, 20, 500))

    assert _until_alarm(record, other, 7) <= 7
    assert "another text" in record.alarming(other)
    assert not record.alarming(read_page(ARTICLE, START, revised=False))


def test_a_mass_of_revisions_over_all_sections() -> None:
    """A redesign shows in all sections together before any of them has seen much of it."""
    sections = [f"news/{n}" for n in range(9)]
    record = Record()
    for n in range(1_800):
        look = read_page(ARTICLE, START, revised=n % 25 == 0)
        record.observe(replace(look, section=sections[n % 9]))
    struck = [replace(read_page(ARTICLE, START, revised=True), section=name) for name in sections]
    raised = [len(record.observe(look)) for look in struck]

    assert sum(raised[:7]) == 1
    assert all(record.alarming(look) for look in struck)


def test_an_empty_list_twice() -> None:
    """A list that names nothing twice in a row alarms, on the second."""
    empty = list_look(WATCH, START, cards=0)
    record = _after(*[list_look(WATCH, START, cards=20)] * 100, empty)

    assert not record.alarms()
    assert [alarm.sign for alarm in record.observe(empty)] == [Sign.EMPTY]


def test_old_items_served_as_fresh() -> None:
    """A list that goes back ten days alarms at the second look at the latest."""
    old = list_look(WATCH, START, cards=20, newest=START - timedelta(days=10))
    record = _after(*[list_look(WATCH, START, cards=20, newest=START)] * 100)

    assert _until_alarm(record, old, 2) <= 2
    assert _signs(record) == {Sign.STALE}


def test_a_list_that_fell_silent() -> None:
    """Where twenty stories were to be expected and none came, also by 304, the list is stale."""
    record = _after(*[list_look(WATCH, START, cards=None, expected=5.0)] * 100)
    silent = list_look(WATCH, START, cards=None, expected=21.0)

    assert _until_alarm(record, silent, 2) <= 2


def test_a_withdrawn_story_is_no_stale_list() -> None:
    """The newest story of a slow section may be taken back without an alarm."""
    back = list_look(WATCH, START, cards=20, newest=START - timedelta(hours=20), skipped=0.9)

    assert not back.bad
    assert not list_look(WATCH, START, cards=20, newest=START - timedelta(minutes=59)).bad


def test_a_section_without_articles() -> None:
    """A section whose pages are always rejected, from the first on, never alarms."""
    videos = rejected_page("videos", URL, START)
    record = _after(*[GOOD] * 500, *[videos] * 500)

    assert not record.alarms()
    assert not record.alarming(videos)


def test_a_section_that_turns_into_no_articles() -> None:
    """Rejections where they were rare alarm within six looks."""
    rejected = rejected_page(CHINA, URL, START)
    record = _after(*_mixed(GOOD, rejected, 33, 400))

    assert _until_alarm(record, rejected, 6) <= 6


def test_a_half_known_section_does_not_alarm() -> None:
    """Fields are not judged in a section of which little is known."""
    bare = read_page(replace(ARTICLE, author="", tags=(), section="wencui"), START)
    record = _after(*[GOOD] * 500, *[bare] * 300)

    assert not record.alarms()


def test_a_slow_change_is_learned() -> None:
    """A field that is empty somewhat more often than before is no drift but becomes usual."""
    bare = read_page(replace(ARTICLE, author=""), START)
    record = _after(*_mixed(GOOD, bare, 20, 500), *_mixed(GOOD, bare, 3, 600))

    assert not record.alarms()
    assert _until_alarm(record, bare, 60) > 15


def test_an_alarm_ends_by_itself() -> None:
    """Five good looks in a row end an alarm, and it says so."""
    record = _after(*[GOOD] * 100, *[UNREADABLE] * 30)
    told = [record.observe(GOOD) for _ in range(5)]

    assert [len(alarms) for alarms in told] == [0, 0, 0, 0, 1]
    assert not told[-1][0].on
    assert "well again" in told[-1][0].text
    assert not record.alarms()


def test_drift_does_not_become_usual() -> None:
    """However long it lasts, a drift stays an alarm and does not change what is usual."""
    bare = read_page(replace(ARTICLE, author=""), START)
    record = _after(*_mixed(GOOD, bare, 20, 500), *[bare] * 2_000)
    (alarm,) = record.alarms()

    assert alarm.usual == pytest.approx(0.05, abs=0.01)


def test_what_an_alarm_says() -> None:
    """An alarm is one sentence for the operator, with since when and up to three addresses."""
    record = _after(*[GOOD] * 100)
    for n in range(5):
        at = START + timedelta(hours=n)
        record.observe(unreadable_page(CHINA, f"{URL}{n}", at))

    assert record.alarms() == (
        Alarm(
            CHINA,
            Sign.UNREADABLE,
            "",
            0.002,
            START,
            tuple(f"{URL}{n}" for n in range(3)),
            "realtime/china: 5 of the last 5 pages could not be read (usual: 0.2 %)",
        ),
    )


def test_an_odd_article_waits_for_a_second_look() -> None:
    """What never shows is held back once; longer only while another such look is close by."""
    record = _after(*[GOOD] * 200)
    record.observe(TEASER)

    assert "short" in record.odd(TEASER)
    assert not record.odd(TEASER, before=1)
    record.observe(TEASER)
    assert not record.alarming(TEASER)
    assert "short" in record.odd(TEASER, before=1)
    assert not record.odd(TEASER, before=3)
    assert not record.odd(GOOD)
    assert not _after(*[GOOD] * 30).odd(TEASER)


def test_in_alarm_only_what_shows_the_sign_waits() -> None:
    """While teasers are served, whole articles of the section are written, teasers never."""
    record = _after(*[GOOD] * 200, *[TEASER] * 10)

    assert record.alarming(TEASER)
    assert not record.alarming(GOOD)
    assert not record.alarming(replace(GOOD, section="news/sea"))


def test_what_struck_everywhere_ends_everywhere() -> None:
    """A section that shows little need not show as much good as the others before it is well."""
    sections = ("realtime/china", "realtime/world", "news/sea")
    bad = [replace(UNREADABLE, section=section) for section in sections * 2]
    record = _after(*[GOOD] * 100, *bad)
    assert len(record.alarms()) == 4

    ended = [a.section for _ in range(12) for a in record.observe(replace(GOOD, section="forum"))]

    assert set(ended) == {*sections, "*"}
    assert not record.alarms()


@pytest.mark.parametrize(
    ("sign", "change"), [(Sign.NO_AUTHOR, {"author": ""}), (Sign.SHORT, {"blocks": ("渔" * 60,)})]
)
def test_what_stays_away_for_days_is_taken_as_usual(sign: Sign, change: dict[str, object]) -> None:
    """A field that the site has dropped for good must not keep articles back for ever."""
    record = _after(*[GOOD] * 200)
    changed = replace(ARTICLE, **change)  # type: ignore[arg-type]
    ended = [
        alarm
        for hour in range(80)
        for alarm in record.observe(read_page(changed, START + timedelta(hours=hour)))
        if not alarm.on
    ]

    assert [alarm.sign for alarm in ended if alarm.section != "*"] == [sign]
    assert "taken as usual" in ended[0].text
    assert not record.alarms()
    assert not record.alarming(read_page(changed, START + timedelta(hours=81)))


# Usual shares, as an operator would find them: of pages and of fields.
_RARE = {Sign.UNREADABLE: 0.001, Sign.REJECTED: 0.03}
_AGAIN = frozenset({Sign.REVISED, Sign.UNREADABLE, Sign.HIDDEN})
_BARE = {Sign.NO_AUTHOR: 0.05, Sign.NO_TAGS: 0.1, Sign.NO_PICTURE: 0.15}


def _month(seed: int, days: int = 30) -> Iterator[Look]:
    """Yield the looks of a month in which nothing is wrong, 250 articles a day."""
    dice = random.Random(seed)  # noqa: S311
    for n in range(days * 250):
        section = f"section/{dice.randrange(18)}"
        at = START + timedelta(days=n / 250)
        yield _first_look(dice, section, at)
        for share in (0.12, 0.03, 0.03, 0.03):
            bad = frozenset({Sign.REVISED}) if dice.random() < share else frozenset[Sign]()
            yield Look(f"section/{dice.randrange(18)}", "", URL, at, _AGAIN, bad)


def _first_look(dice: random.Random, section: str, at: datetime) -> Look:
    roll = dice.random()
    if roll < _RARE[Sign.UNREADABLE]:
        return unreadable_page(section, URL, at)
    if roll < _RARE[Sign.UNREADABLE] + _RARE[Sign.REJECTED]:
        return rejected_page(section, URL, at)
    bad = frozenset(sign for sign, share in _BARE.items() if dice.random() < share)
    chars = round(math.exp(dice.gauss(math.log(600), 0.6)))
    return replace(GOOD, section=section, at=at, bad=bad, chars=chars)


@pytest.mark.parametrize("seed", range(3))
def test_no_false_alarm_in_a_usual_month(seed: int) -> None:
    """30 days of 250 articles in 18 sections with usual shares of everything: no alarm."""
    record = Record()

    assert not [alarm.text for look in _month(seed) for alarm in record.observe(look)]


_LOOKS = st.builds(
    lambda make, section: replace(make, section=section),
    st.sampled_from([GOOD, TEASER, UNREADABLE, HIDDEN, rejected_page(CHINA, URL, START)]),
    st.sampled_from([CHINA, "news/sea"]),
)


@given(st.lists(_LOOKS, max_size=150), st.lists(_LOOKS, max_size=20))
def test_a_record_survives_a_restart(before: list[Look], after: list[Look]) -> None:
    """What was dumped and loaded says and does what the record would have said and done."""
    record = _after(*before)
    loaded = Record.load(record.dump())

    assert loaded.dump() == record.dump()
    assert loaded.alarms() == record.alarms()
    for look in after:
        assert loaded.observe(look) == record.observe(look)
        assert loaded.alarming(look) == record.alarming(look)
        assert loaded.odd(look) == record.odd(look)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def _rows(gauges: object, lengths: object) -> str:
    return json.dumps({"version": 1, "gauges": gauges, "lengths": lengths})


@given(st.text() | _JSON.map(json.dumps) | st.builds(_rows, _JSON, _JSON.filter(bool)))
@example("[" * 100_000)
@example(_rows([[CHINA, "", "short", 5, 1, ["2026-10-01T04:00:00", 1, 1, 2.0, True, []]]], []))
@example(_rows([[CHINA, "", "short", math.nan, 1, None]], []))
@example(_rows([], [[CHINA, "", 10**400, 1]]))
def test_garbled_text_gives_an_empty_record(text: str) -> None:
    """Any other text gives an empty record, never an exception."""
    assert Record.load(text).dump() == Record().dump()


def test_the_record_stays_small() -> None:
    """Ever new sections do not make the record grow without bound; those in use are kept."""
    record = _after(*[replace(GOOD, section=f"section/{n}") for n in range(2_000)])
    long = len(record.dump())
    for n in range(500):
        record.observe(GOOD if n else UNREADABLE)
        record.observe(replace(GOOD, section=f"other/{n}"))

    assert len(record.dump()) < 1.1 * long < 200_000
    assert _until_alarm(record, UNREADABLE, 2) == 2
