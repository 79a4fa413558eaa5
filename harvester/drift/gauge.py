"""One gauge: the usual share of bad looks, and the evidence that it is the usual share no more.

The evidence is a CUSUM score (Page 1954), in nats, for "half of what used to be good is bad since
some moment". Such a bad look weighs `log((1 + usual) / (2 * usual))`, a good one `-log(2)`. The
score never sinks below nought, where a new moment may begin. At a height the alarm rises, if most
looks since that moment were bad, as is claimed. By Lorden's bound (1971) chance does that at most
once in `exp(height)` looks. Where the sign is usual a bad look weighs next to nothing, so that
gauge rests by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from harvester.drift.looks import Look

_GOOD = math.log(2)
# Five good looks in a row end an alarm.
_RELIEF = 4.5 * _GOOD
# A jump shows within so many looks; what lasts longer is a share not known well yet.
_LONGEST_SPELL = 24
_MEMORY = 500.0
_LEAST_SHARE = 0.002
# What is known of all sections counts like so many looks of a section's own.
_PRIOR = 20.0
_SHORTER = math.log(4)
_EXAMPLES = 3


@dataclass(slots=True)
class Spell:
    """Looks since a bad one, `misses` of them bad, that may be the start of a drift, or are one."""

    since: datetime
    looks: int = 0
    misses: int = 0
    score: float = 0.0
    alarmed: bool = False
    examples: tuple[str, ...] = ()


@dataclass(slots=True)
class Gauge:
    """What is usual, of `seen` looks with `bad` ones, both fading, and the spell it is in.

    A spell lasts while its score is above nought. It teaches what is usual only once it is over and
    was no alarm: else a drift would become usual while it is being found.
    """

    seen: float = 0.0
    bad: float = 0.0
    spell: Spell | None = None

    @property
    def alarmed(self) -> bool:
        """Whether the alarm is on."""
        return self.spell is not None and self.spell.alarmed

    def share(self, prior: float, caution: float) -> float:
        """Return the usual share, drawn towards `prior` while little is known.

        `caution` bad looks are added: what was not seen in few looks may still be usual.
        """
        return max(_LEAST_SHARE, (self.bad + caution + _PRIOR * prior) / (self.seen + _PRIOR))

    def take(self, look: Look, *, is_bad: bool, usual: float, height: float) -> Spell | None:
        """Take a look at what is bad in the share `usual`; return the spell if its alarm turned.

        The alarm rises at `height`, which is infinite for a gauge that does not judge.
        """
        if self.spell is None and not is_bad:
            self._learn(1, 0)
            return None
        spell = self.spell = self.spell or Spell(look.at)
        spell.looks += 1
        spell.misses += is_bad
        if is_bad:
            spell.examples = (*spell.examples, look.url)[:_EXAMPLES]
        weight = math.log((1 + usual) / (2 * usual)) if is_bad else -_GOOD
        spell.score = min(height, max(0.0, spell.score + weight))
        return self._turned(spell, height)

    def accept(self, spell: Spell) -> Spell:
        """Take what an alarm is about as usual from now on; return its spell, over."""
        self.seen, self.bad, self.spell = float(spell.looks), float(spell.misses), None
        spell.alarmed = False
        return spell

    def _turned(self, spell: Spell, height: float) -> Spell | None:
        if spell.alarmed:
            spell.alarmed = spell.score > height - _RELIEF
            self.spell = spell if spell.alarmed else None
            return None if spell.alarmed else spell
        spell.alarmed = spell.score >= height and 2 * spell.misses > spell.looks
        if not spell.alarmed and (not spell.score or spell.looks > _LONGEST_SPELL):
            self._learn(spell.looks, spell.misses)
            self.spell = None
        return spell if spell.alarmed else None

    def _learn(self, looks: int, misses: int) -> None:
        kept = (1 - 1 / _MEMORY) ** looks
        self.seen = self.seen * kept + looks
        self.bad = self.bad * kept + misses


@dataclass(slots=True)
class Length:
    """The geometric mean length of articles: `log` of characters, over `seen` articles."""

    seen: int = 0
    log: float = 0.0

    def is_short(self, chars: int) -> bool:
        """Say whether so many characters are less than a quarter of what is usual."""
        return math.log(max(1, chars)) < self.log - _SHORTER

    def learn(self, chars: int) -> None:
        """Take the length of one more article."""
        self.seen = min(self.seen + 1, int(_MEMORY))
        self.log += (math.log(max(1, chars)) - self.log) / self.seen
