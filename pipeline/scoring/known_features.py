"""The gate on features that are hardly known any more: rows of a source that stopped coming."""

from __future__ import annotations

import pandas as pd

from models.drift import Reference
from pipeline.errors import DataError
from pipeline.wording import counted, listed

EXPECTED = 20
"""Accounts that should know a feature; where fewer should, chance alone can leave none."""


def require_known(frame: pd.DataFrame, reference: Reference, least_known: float) -> None:
    """DataError where a feature is null for nearly all, and was not when the model learned.

    frame: a column per feature, a row per account. least_known: 0-1, of the accounts for which it
    would be known if their share were that of the training snapshot where it was smallest.
    """
    expected = len(frame) * pd.Series(reference.known_shares(), reference.names)
    known = frame[list(reference.names)].notna().sum()
    gone = expected[(expected >= EXPECTED) & (known < least_known * expected)]
    if gone.empty:
        return
    worst = [
        f"{name} ({known[name]:,} of {len(frame):,} accounts, in training at least "
        f"{expected[name] / len(frame):.0%})"
        for name in gone.sort_values(ascending=False, kind="stable").index
    ]
    raise DataError(
        f"{counted(len(worst), 'feature')} of the model can hardly be told any more: "
        f"{listed(worst, 5)}. See whether the rows of a source, or a column of it, stopped coming: "
        "`defection monitor` names the sources. If this is right, train again, or lower "
        "`scoring.least_known`."
    )
