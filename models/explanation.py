"""What moved a risk: each feature's part in the raw log odds, and what would be without it.

The calibrated risk rises and falls with the raw log odds, so what raises one raises the other. By
how much the risk itself changes follows from the calibrator and the season: parts do not add up to
a risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.dataset import BoolArray, FloatArray
from models.ensemble import averaged, averaged_contributions
from models.gradient_boosting import Booster
from models.probabilities import finite_logit
from models.ranks import Ranks


@dataclass(frozen=True, eq=False)
class Explanation:
    """Of r rows of a cohort, by the p features of a model.

    names: the features. contributions: (r, p), what each adds to a row's raw log odds; 0 where the
    trees never ask. base: where all rows begin. `contributions.sum(axis=1) + base` is the row's raw
    log odds, exactly but for rounding; NaN where there is no row.
    """

    names: tuple[str, ...]
    contributions: FloatArray
    base: float
    _boosters: tuple[Booster, ...]
    _rates: tuple[float, ...]
    _ranks: Ranks
    _medians: Ranks

    def change_at_median(self, chosen: BoolArray) -> FloatArray:
        """Return by how much the raw log odds would change, (r,), if `chosen` were usual.

        chosen: (r, p), the values that are set to the median of the cohort's known ones, one row at
        a time, the others of the cohort staying as they are. Unknown values stay unknown. Below 0
        where the chosen values raise the risk.
        """
        usual = np.where(chosen & ~np.isnan(self._ranks), self._medians, self._ranks)
        return self._log_odds(usual) - self._now

    @cached_property
    def _now(self) -> FloatArray:
        return self._log_odds(self._ranks)

    def _log_odds(self, ranks: Ranks) -> FloatArray:
        told = [booster.predict(ranks) for booster in self._boosters]
        return finite_logit(averaged(told, self._rates))


def explanation(
    boosters: Sequence[Booster],
    rates: Sequence[float],
    ranks: Ranks,
    medians: Ranks,
) -> Explanation:
    """Explain rows; ranks: (r, p), theirs within the cohort; medians: (r, p), those at the median.

    boosters, rates: the learners, as in `models.ensemble`.
    """
    parts, base = averaged_contributions([b.contributions(ranks) for b in boosters], rates)
    return Explanation(
        boosters[0].names, parts, base, tuple(boosters), tuple(rates), ranks, medians
    )
