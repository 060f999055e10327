"""At which moments of a command's life it is killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random


@dataclass(frozen=True)
class Moment:
    """So many seconds after a sign."""

    sign: str
    delay: float


def moments(
    at: Mapping[str, float], end: float, writing: Sequence[str], count: int, seed: int
) -> list[Moment]:
    """As many moments as asked for, the same for the same seed and the same undisturbed run.

    at: when that run showed each sign, in order; end: when it ended, both in seconds. writing: the
    signs from which on something is written. That part of a life is short, so every other moment
    is drawn from it, each of its signs as likely as the others; the rest are drawn from the whole
    life, each second as likely as the others.
    """
    random = Random(seed)
    lasts = {
        sign: later - then for (sign, then), (_, later) in pairwise([*at.items(), ("end", end)])
    }
    found = []
    for number in range(count):
        if number % 2:
            sign = random.choice(writing)
        else:
            (sign,) = random.choices([*lasts], [*lasts.values()])
        found.append(Moment(sign, random.uniform(0, lasts[sign])))
    return found
