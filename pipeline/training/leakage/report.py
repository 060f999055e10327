"""The leakage report: whether training may go on, and what a reviewer should know."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from models.screening import TOO_GOOD
from pipeline.training.leakage.findings import Difference, PointInTime
from pipeline.training.leakage.lateness import SPIKE_RULE, Lateness
from pipeline.wording import counted, listed

STRONGEST = 5  # features that the report names
SHOWN = 10  # features that the refusal names
LATE_SHARE = 0.01  # of orders, later than the reporting lag
MOVED_SHARE = 0.9  # of the features, by a poison that is strong enough


@dataclass(frozen=True)
class LeakageReport:
    """What was found. alone: the AUC of each feature alone, best first; too_good: those too good.

    lateness: of what became known when.
    """

    point_in_time: PointInTime
    alone: Mapping[str, float]
    too_good: Mapping[str, float]
    lateness: tuple[Lateness, ...]
    reporting_lag_days: int

    @property
    def passed(self) -> bool:
        """Whether no feature is seen to know the future."""
        return not self.point_in_time.differences and not self.too_good

    @property
    def verdict(self) -> str:
        """The tag of the run."""
        return "passed" if self.passed else "failed"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not show a leak, and yet should be looked at."""
        return tuple(self._warnings())

    def _warnings(self) -> Iterator[str]:
        laws, lag = self.point_in_time, self.reporting_lag_days
        moved = len(laws.sampled) - len(laws.unmoved)
        if moved < MOVED_SHARE * len(laws.sampled):
            yield (
                f"The poison was weak: at {laws.later} it moved {moved} of "
                f"{counted(len(laws.sampled), 'feature')}, so little is shown about the others."
            )
        for what in self.lateness:
            if what.what == "orders" and what.stamped and what.share(lag) > LATE_SHARE:
                yield (
                    f"{what.share(lag):.1%} of the orders became known later than the "
                    f"{counted(lag, 'day')} of `label.reporting_lag_days`: a label may take an "
                    "account for a defector whose order was merely late. Raise it."
                )
            if what.spikes:
                most = what.spikes[0]
                yield (
                    f"{what.what}: on {counted(len(what.spikes), 'day')} many old rows became "
                    f"known at once, {most.rows:,} of them on {most.day}. After a migration or a "
                    "bulk load `known_at` is not when things were known: correct it, or begin the "
                    "snapshots later."
                )

    def line(self) -> str:
        """The report in one line."""
        laws = self.point_in_time
        if not self.passed:
            said = f"failed: {listed(dict.fromkeys(self._culprits()), 5)}"
        else:
            said = (
                f"passed; {counted(len(laws.sampled), 'feature')} of {laws.accounts:,} accounts "
                f"at {counted(len(laws.snapshots), 'snapshot')} the same without a future and "
                f"with a false one; strongest alone: {_named(self.alone, 1)}"
            )
        return f"Leakage report: {said}; {counted(len(self.warnings), 'warning')}"

    def _culprits(self) -> Iterator[str]:
        yield from (difference.feature for difference in self.point_in_time.differences)
        yield from self.too_good

    def refusal(self) -> str:
        """What training stops with: which features, accounts and snapshots, and what to do."""
        said = []
        if self.point_in_time.differences:
            of_feature: dict[str, Difference] = {}
            for difference in self.point_in_time.differences:
                of_feature.setdefault(difference.feature, difference)
            rest = len(of_feature) - SHOWN
            said += [
                f"{counted(len(of_feature), 'feature')} changed at a snapshot with what became "
                "known only after it:",
                *(f"    {told(difference)}" for difference in islice(of_feature.values(), SHOWN)),
                *([f"    and {counted(rest, 'feature')} more"] if rest > 0 else []),
                "Whoever wrote them should let every stamp that they read, known_at above all, "
                "decide when a row is seen (`since` and `until` of its population, not its "
                "`where`). Or leave out their family in `features.families`.",
            ]
        if self.too_good:
            said += [
                "A single feature separates the classes almost perfectly: "
                f"{_named(self.too_good, len(self.too_good))}. That is nearly always a column "
                "written after the fact. Check the known_at stamps of its source, or leave the "
                "feature's family out.",
            ]
        return "\n".join(said)

    def to_json(self) -> dict[str, Any]:
        """Plain values, accounts by pseudonym."""
        laws = asdict(self.point_in_time)
        laws["differences"] = [
            asdict(replace(difference, account=pseudonym(difference.account)))
            for difference in self.point_in_time.differences
        ]
        return {
            "leakage": self.verdict,
            "warnings": list(self.warnings),
            "point_in_time": laws,
            "strongest_alone": dict(islice(self.alone.items(), STRONGEST)),
            "too_good": dict(self.too_good),
            "too_good_above": TOO_GOOD,
            "lateness": [asdict(what) for what in self.lateness],
            "spike_rule": SPIKE_RULE,
            "reporting_lag_days": self.reporting_lag_days,
        }


def told(difference: Difference) -> str:
    """A difference in one line, for whoever may know the account."""
    return (
        f"{difference.feature} at {difference.as_of} ({difference.law}): "
        f"{counted(difference.rows, 'account')}, such as {difference.account}: "
        f"{exactly(difference.trained)} in the training table, {exactly(difference.checked)} in "
        "the check"
    )


def exactly(value: float) -> str:
    """A value in as few digits as tell it from every other."""
    return repr(value).removesuffix(".0")


def pseudonym(account: str) -> str:
    """What stands for an account in MLflow."""
    return hashlib.sha256(account.encode()).hexdigest()[:12]


def _named(features: Mapping[str, float], most: int) -> str:
    return ", ".join(f"{name} (AUC {area:.3f})" for name, area in islice(features.items(), most))
