"""Which rows are learned from where there are too many: drawn tables, and what a sample keeps."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipeline.tables.sampling import places, sampled, shares

JANUARY, FEBRUARY, MARCH = date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)


@pytest.mark.parametrize(
    ("large", "others", "most", "of_large", "of_others"),
    [
        #  rows of A    of B, C     kept      share of A   of the others
        (10_000, 20_000, 40_000, 1.0, 1.0),  # there are not too many
        (10_000, 90_000, 40_000, 1.0, 1 / 3),  # A fills a quarter: all of it is kept
        (20_000, 80_000, 40_000, 1.0, 1 / 4),  # A fills exactly half
        (80_000, 80_000, 40_000, 1 / 4, 1 / 4),  # A would fill all: it gets half
        (100_000, 50_000, 40_000, 1 / 5, 2 / 5),
        (100_000, 5_000, 40_000, 35_000 / 100_000, 1.0),  # what the others leave
        (0, 80_000, 40_000, 1.0, 1 / 2),
        (80_000, 0, 40_000, 1 / 2, 1.0),
    ],
)
def test_the_shares_that_are_kept(
    large: int, others: int, most: int, of_large: float, of_others: float
) -> None:
    assert shares(large, others, most) == pytest.approx((of_large, of_others))
    kept = large * of_large + others * of_others
    assert kept == pytest.approx(min(most, large + others))


def test_an_accounts_place_follows_from_its_id_alone() -> None:
    first = places(pd.Series(["A1", "Zürich", "A1", "0017"]))
    assert first[0] == first[2]
    assert first.tolist() == places(pd.Series(["A1", "Zürich", "A1", "0017"])).tolist()
    assert first[:4:3] == pytest.approx([0.08843127, 0.11181885])  # SHA-256, 48 bits over 2^48
    many = places(pd.Series([f"A{n}" for n in range(20_000)]))
    assert ((many >= 0) & (many < 1)).all()
    assert np.histogram(many, 10, (0, 1))[0] == pytest.approx(np.full(10, 2000), rel=0.08)


def cohorts() -> pd.DataFrame:
    """6,000 accounts at three snapshots, the first 1,000 of tier A."""
    ids = [f"A{n:04d}" for n in range(6000)]
    tier = np.where(np.arange(6000) < 1000, "A", "B").astype(object)
    parts = [
        pd.DataFrame(
            {
                "account_id": ids,
                "as_of": pd.Timestamp(day),
                "weight": 1.0,
                "followed": True,
                "tier": tier,
                "last_year": 1.0,
            }
        )
        for day in (JANUARY, FEBRUARY, MARCH)
    ]
    return pd.concat(parts, ignore_index=True)


def test_what_is_kept_stands_for_all() -> None:
    """6,000 of the 12,000 rows of January and February; March is kept whole, and counts too."""
    everybody = cohorts()
    kept = sampled(everybody, 6000, [JANUARY, FEBRUARY], [MARCH])
    of_day = {day.date(): rows for day, rows in kept.groupby("as_of")}
    assert len(of_day[JANUARY]) + len(of_day[FEBRUARY]) == pytest.approx(6000, rel=0.03)
    assert len(of_day[MARCH]) == 6000
    for day, rows in of_day.items():
        by_tier = rows.groupby("tier")["weight"]
        assert by_tier.sum()["A"] == 1000, day  # all of them, each for itself
        assert by_tier.sum()["B"] == pytest.approx(5000, rel=0.05), day
        assert set(rows.loc[rows["tier"] == "B", "weight"].round(9)) <= {0.0, 2.5}
    # Who is drawn is drawn everywhere; in March the others have no weight.
    drawn = {day: set(rows.loc[rows["weight"] > 0, "account_id"]) for day, rows in of_day.items()}
    assert drawn[JANUARY] == drawn[FEBRUARY] == drawn[MARCH]
    assert kept["followed"].equals(kept["account_id"].isin(_always(kept)))
    assert kept["account_id"].tolist() == sorted_as(everybody, kept)


def _always(kept: pd.DataFrame) -> set[str]:
    """Accounts below every share, whatever tier they have: here, those drawn as B would be."""
    place = places(kept["account_id"])
    return set(kept.loc[place < 2 / 5, "account_id"])


def sorted_as(everybody: pd.DataFrame, kept: pd.DataFrame) -> list[str]:
    """The kept rows' accounts in the order of all rows."""
    keys = pd.MultiIndex.from_frame(kept[["account_id", "as_of"]])
    every = pd.MultiIndex.from_frame(everybody[["account_id", "as_of"]])
    return everybody.loc[every.isin(keys), "account_id"].tolist()
