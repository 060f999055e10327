"""How a law is checked: on batches of worlds, with fixed examples, and what it says if it fails.

A `Batch` holds several worlds that share their snapshots: features of one account do not depend
on another (a law of its own), and an engine answers a dozen worlds in the time of one.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pprint import pformat
from typing import Any, Self

from hypothesis import HealthCheck, Phase, settings
from worlds import World

WORLDS_PER_BATCH = 15
FORKS_PER_BATCH = 9  # hypothesis limits how much one example may draw, and a fork draws twice


@dataclass(frozen=True)
class Batch:
    """Worlds to look at from the same snapshots."""

    as_ofs: tuple[date, ...]
    worlds: list[World]

    def __repr__(self) -> str:
        return f"{len(self.worlds)} world(s) at {', '.join(map(str, self.as_ofs))}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would print every row

    def apart(self) -> Iterator[Self]:
        """Each world alone."""
        for world in self.worlds:
            yield replace(self, worlds=[world])

    def rows(self) -> str:
        """Everything that is in it, to read."""
        return pformat(
            [
                {t: [{c: v for c, v in row.items() if v is not None} for row in rows]}
                for world in self.worlds
                for t, rows in world.items()
                if rows
            ],
            width=160,
        )


@dataclass(frozen=True)
class Fork(Batch):
    """Worlds, and for each another one with the same past before `moment`, another future."""

    moment: date
    others: list[World]

    __repr__ = Batch.__repr__

    def apart(self) -> Iterator[Self]:
        """Each world alone with its other."""
        for world, other in zip(self.worlds, self.others, strict=True):
            yield replace(self, worlds=[world], others=[other])

    def rows(self) -> str:
        """Everything that is in it, to read."""
        other = Batch(self.as_ofs, self.others)
        return f"{super().rows()}\nor, from {self.moment} on:\n{other.rows()}"


def law(share: float = 1.0, per_batch: int = WORLDS_PER_BATCH) -> settings:
    """Fixed examples: about 27 worlds times `share`; LAWS_EXAMPLES says another number."""
    worlds = share * int(os.environ.get("LAWS_EXAMPLES", "27"))
    return settings(
        max_examples=1 + math.ceil(worlds / per_batch),  # the first example is always bare
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def telling(check: Callable[..., None]) -> Callable[..., None]:
    """The check; where a batch fails, the one world that fails alone is told.

    Hypothesis could make a failing example smaller by itself, in hundreds of runs of the engine.
    """

    @functools.wraps(check)
    def checked(batch: Batch, **drawn: Any) -> None:
        try:
            check(batch, **drawn)
        except AssertionError:
            for alone in batch.apart():
                try:
                    check(alone, **drawn)
                except AssertionError as error:
                    error.add_note(f"It fails for this world alone: {alone}\n{alone.rows()}")
                    raise error from None
            raise

    return checked
