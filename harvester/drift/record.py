"""The gauges together: what is wrong now, what must wait because of it, and how it is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Iterator
from dataclasses import astuple, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from harvester.drift.gauge import Gauge, Length, Spell
from harvester.drift.looks import Look, Sign
from harvester.drift.silence import Flow, Silence, aware_instant

# The section of the gauges in which all sections count.
EVERYWHERE = "*"

_SAID = {
    Sign.UNREADABLE: "pages could not be read",
    Sign.HIDDEN: "pages had another page in their place",
    Sign.REJECTED: "pages were no articles",
    Sign.SHORT: "articles were far shorter than usual",
    Sign.NO_AUTHOR: "articles named no author",
    Sign.NO_TAGS: "articles had no tags",
    Sign.NO_PICTURE: "articles had no picture",
    Sign.TWIN: "articles had the text of another story",
    Sign.REVISED: "looks at held stories showed another text",
    Sign.EMPTY: "looks at the list found no story",
    Sign.STALE: "looks at the list found old items or none that are new",
}
# Judged from the first look on, and sooner: a reader that reads nothing at all must be heard.
_GRAVE = frozenset({Sign.UNREADABLE, Sign.HIDDEN, Sign.EMPTY, Sign.STALE})
# How often these show depends on the layout.
_OF_LAYOUT = frozenset({Sign.SHORT, Sign.NO_AUTHOR, Sign.NO_TAGS, Sign.NO_PICTURE})
_OF_LISTS = frozenset({Sign.EMPTY, Sign.STALE})
# A redesign strikes everywhere at once.
_OF_ALL = frozenset({Sign.UNREADABLE, Sign.HIDDEN, Sign.SHORT, Sign.REVISED})
# Two bad looks in a row reach it at the least usual share: 2 * log(1.002 / 0.004) = 11.05.
_HEIGHT_GRAVE = 10.5
# Four do at 1 %.
_HEIGHT = 14.0
# The others are judged by a gauge, and lengths by a mean, that have seen so many looks.
_ENOUGH = 20
# Fields that stay away for so long are the site's will; texts that cannot be read never are.
_ACCEPTED_AFTER = timedelta(days=3)
# Bad looks that such a gauge takes for seen already: the usual share is not underrated by luck.
_CAUTION = 1.0
# A sign is odd where it shows less often than this, in so many looks.
_NEVER = 0.01
_MANY = 50
_MOST = 600
_VERSION = 1

_Key = tuple[str, str, Sign]
_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A sign that has shown far more often than usual since `since`.

    `section` is `*` for all sections together, `layout` empty where it does not matter; `examples`
    are up to three addresses. `text` is a sentence for the operator. `on` is false where the alarm
    has just ended.
    """

    section: str
    sign: Sign
    layout: str
    usual: float
    since: datetime
    examples: tuple[str, ...]
    text: str
    on: bool = True


class Record:
    """What is usual in each section, learned from the looks, and which alarms are on.

    It keeps at most 600 gauges and as many lengths; those not used for longest give way.
    """

    def __init__(self) -> None:
        self._gauges: dict[_Key, Gauge] = {}
        self._lengths: dict[tuple[str, str], Length] = {}
        self._silence = Silence()

    def observe(self, look: Look) -> tuple[Alarm, ...]:
        """Take a look into account; return the alarms that it raised or ended."""
        tested, bad = self._shown(look)
        turned = [alarm for sign in sorted(tested) for alarm in self._take(look, sign, bad)]
        if look.chars is not None:
            self._learn_length(look, look.chars)
        return (*turned, *self._waited(look))

    def _waited(self, look: Look) -> Iterator[Alarm]:
        """Take in a story that came, or a list that was read; yield who fell silent, or was."""
        turned: dict[str, Flow] = {}
        if look.published:
            turned = self._silence.came(look.section, min(look.published, look.at))
        elif look.tested & _OF_LISTS and Sign.EMPTY not in look.bad:
            turned = self._silence.look(look.at)
        yield from (_silent(section, flow) for section, flow in turned.items())

    def alarms(self) -> tuple[Alarm, ...]:
        """Return the alarms that are on, the oldest first."""
        on = [alarm for key in self._gauges if (alarm := self._alarm(key))]
        on += [_silent(name, f) for name, f in self._silence.flows.items() if f.alarmed]
        return tuple(sorted(on, key=lambda alarm: (alarm.since, alarm.section, alarm.sign)))

    def alarming(self, look: Look) -> str:
        """Return which alarm is on, here or everywhere, about something that this look shows."""
        _, bad = self._shown(look)
        alarms = (self._alarm(key) for sign in sorted(bad) for key in _keys(look, sign))
        return next((alarm.text for alarm in alarms if alarm), "")

    def odd(self, look: Look, *, before: int = 0) -> str:
        """Return what this look shows that practically never shows, if it may be a first of many.

        Looked at `before`, it may be only as long as another such look came close to it, and at
        most twice: then the article is odd, not the reading of it.
        """
        _, bad = self._shown(look)
        for sign in sorted(bad):
            for key in _keys(look, sign):
                if self._never(key) and (before == 0 or (before <= 2 and self._is_spell(key))):
                    return f"{look.section}: {sign} hardly ever shows"
        return ""

    def _is_spell(self, key: _Key) -> bool:
        spell = self._gauges[key].spell
        return spell is not None and spell.misses > 1

    def watch_only(self, lists: Container[str]) -> None:
        """Forget what was usual of lists that are looked at no more, and their alarms."""
        for key in [k for k in self._gauges if k[2] in _OF_LISTS and k[0] not in lists]:
            if key[0] != EVERYWHERE:
                del self._gauges[key]

    def dump(self) -> str:
        """Return the record as JSON, for `load`."""
        gauges = [
            [*key, gauge.seen, gauge.bad, gauge.spell and astuple(gauge.spell)]
            for key, gauge in self._gauges.items()
        ]
        lengths = [[*key, *astuple(length)] for key, length in self._lengths.items()]
        data = {"version": _VERSION, "gauges": gauges, "lengths": lengths}
        data["silence"] = self._silence.dump()
        return json.dumps(data, default=datetime.isoformat, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Record:
        """Return the record that `dump` wrote; an empty one if this is no such text."""
        record = cls()
        try:
            data = json.loads(text)
            if data["version"] == _VERSION:
                gauges = dict(map(_gauge, data["gauges"][-_MOST:]))
                lengths = dict(map(_length, data["lengths"][-_MOST:]))
                record._gauges, record._lengths = gauges, lengths
                if "silence" in data:  # a record may be older
                    record._silence = Silence.load(data["silence"])
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            return cls()
        return record

    def _shown(self, look: Look) -> tuple[frozenset[Sign], frozenset[Sign]]:
        """Return what the look was tested for and what it showed, its length judged too."""
        length = self._lengths.get((look.section, look.layout))
        if look.chars is None or length is None or length.seen < _ENOUGH:
            return look.tested, look.bad
        short = {Sign.SHORT} if length.is_short(look.chars) else set[Sign]()
        return look.tested | {Sign.SHORT}, look.bad | short

    def _take(self, look: Look, sign: Sign, bad: frozenset[Sign]) -> Iterator[Alarm]:
        """Take one sign into the gauge of the section, then into that of all sections.

        A section in alarm stays out of the latter: it would raise it or hide the others in it.
        """
        for key in _keys(look, sign):
            gauge = _used(self._gauges, key, Gauge)
            usual, height = self._usual(key), _height(key, gauge)
            if spell := gauge.take(look, is_bad=sign in bad, usual=usual, height=height):
                yield self._described(key, spell)
                if key[0] == EVERYWHERE and not spell.alarmed:
                    yield from self._end_everywhere(sign)
            if gauge.alarmed and gauge.spell:
                if sign in _OF_LAYOUT and look.at - gauge.spell.since > _ACCEPTED_AFTER:
                    yield self._accept(key, gauge, gauge.spell)
                return

    def _end_everywhere(self, sign: Sign) -> Iterator[Alarm]:
        """End the alarms of all sections: what struck everywhere is over; two bad looks say if not.

        Quiet sections would take days to show as many good looks themselves.
        """
        for key, gauge in self._gauges.items():
            if key[2] is sign and gauge.spell and gauge.alarmed:
                spell, gauge.spell = gauge.spell, None
                spell.alarmed = False
                yield self._described(key, spell)

    def _accept(self, key: _Key, gauge: Gauge, spell: Spell) -> Alarm:
        """Take what has lasted for days as usual: the site has changed, and nobody objected."""
        alarm = self._described(key, gauge.accept(spell))
        section, _, sign = key
        if sign is Sign.SHORT:
            for place in [p for p in self._lengths if section in (EVERYWHERE, p[0])]:
                del self._lengths[place]
        days = f"taken as usual after {_ACCEPTED_AFTER.days} days"
        return replace(alarm, text=f"{alarm.text}; {days}")

    def _usual(self, key: _Key) -> float:
        """Return the usual share of a gauge, drawn towards that of all sections."""
        caution = 0.0 if key[2] in _GRAVE else _CAUTION
        pool = self._gauges.get((EVERYWHERE, "", key[2]), Gauge())
        return self._gauges[key].share(pool.share(0.0, caution), caution)

    def _never(self, key: _Key) -> bool:
        """Say whether a sign practically never shows here, as far as this gauge may judge it."""
        gauge = self._gauges.get(key)
        known = gauge and gauge.seen >= _MANY and _height(key, gauge) < math.inf
        return bool(known and self._usual(key) < _NEVER)

    def _alarm(self, key: _Key) -> Alarm | None:
        spell = self._gauges[key].spell if key in self._gauges else None
        return self._described(key, spell) if spell and spell.alarmed else None

    def _described(self, key: _Key, spell: Spell) -> Alarm:
        section, layout, sign = key
        usual = self._usual(key)
        where = "all sections" if section == EVERYWHERE else section
        over = "" if spell.alarmed else "well again, after "
        what = f"{spell.misses} of the last {spell.looks} {_SAID[sign]}"
        text = f"{where}: {over}{what} (usual: {100 * usual:.1f} %)"
        return Alarm(section, sign, layout, usual, spell.since, spell.examples, text, spell.alarmed)

    def _learn_length(self, look: Look, chars: int) -> None:
        """Take a length into account, unless an alarm says that lengths are wrong now."""
        if not any(self._alarm(key) for key in _keys(look, Sign.SHORT)):
            _used(self._lengths, (look.section, look.layout), Length).learn(chars)


def _silent(section: str, flow: Flow) -> Alarm:
    hours = flow.pause / 3600
    text = f"{section}: nothing new since {flow.newest:%Y-%m-%d %H:%M} UTC"
    text = text if flow.alarmed else f"{section}: something new came, or it was closed"
    text = f"{text} (usual pause: at most {hours:.0f} h)"
    return Alarm(section, Sign.SILENT, "", 0.0, flow.newest, (), text, flow.alarmed)


def _keys(look: Look, sign: Sign) -> tuple[_Key, _Key]:
    """Return the gauges that a sign counts in: that of the section and that of all sections."""
    return (look.section, look.layout if sign in _OF_LAYOUT else "", sign), (EVERYWHERE, "", sign)


def _height(key: _Key, gauge: Gauge) -> float:
    """Return from where on a gauge is in alarm; infinite for one that only counts."""
    section, _, sign = key
    if section == EVERYWHERE and sign not in _OF_ALL:
        return math.inf
    if sign in _GRAVE:
        return _HEIGHT_GRAVE
    return _HEIGHT if gauge.seen >= _ENOUGH else math.inf


def _used(table: dict[_K, _V], key: _K, new: Callable[[], _V]) -> _V:
    """Return the entry of a key, new if need be, as the one used last; a full table drops one."""
    value = table[key] = table.pop(key) if key in table else new()
    if len(table) > _MOST:
        del table[next(iter(table))]
    return value


def _gauge(row: list[Any]) -> tuple[_Key, Gauge]:
    """Read a row of `dump`. Raises `ValueError` or `TypeError` if it is none."""
    section, layout, sign, seen, bad, spell = row
    gauge = Gauge(_amount(seen), _amount(bad), _spell(*spell) if spell else None)
    return (str(section), str(layout), Sign(sign)), gauge


def _spell(
    since: str, looks: int, misses: int, score: float, alarmed: bool, examples: list[str]
) -> Spell:
    looks, misses = int(_amount(looks)), int(_amount(misses))
    return Spell(
        aware_instant(since),
        looks,
        misses,
        _amount(score),
        bool(alarmed),
        tuple(map(str, examples))[:3],
    )


def _length(row: list[Any]) -> tuple[tuple[str, str], Length]:
    """Read a row of `dump`. Raises `ValueError` or `TypeError` if it is none."""
    section, layout, seen, log = row
    return (str(section), str(layout)), Length(int(_amount(seen)), _amount(log))


def _amount(number: float) -> float:
    if not 0 <= number < math.inf:
        raise ValueError(f"no amount: {number}")
    return float(number)
