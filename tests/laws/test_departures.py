"""What holds of expected orders and departures in every history of orders.

A departure has one date, whoever asks and whenever; outcomes are final at maturity; nothing at a
snapshot depends on what became known at it or later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from unittest.mock import patch

import numpy as np
import pandas as pd
from feature_tables import grid, load
from hypothesis import given
from hypothesis import strategies as st
from laws import Batch, Fork, law, telling
from long_histories import long_batches, long_forks
from reference_departures import Expectations
from worlds import ACCOUNTS, World, complete, cut, midnight

from pipeline.engines import Engine
from pipeline.tables import expected_orders as tables
from pipeline.tables.expected_orders import ExpectedOrders, Silence, day_number, expected_orders
from pipeline.tables.future.departures import (
    HORIZON_DAYS,
    LASTING_DAYS,
    departures,
    silent_after,
)
from pipeline.tables.label_definitions import departure

DAY = timedelta(days=1)
SILENCE = Silence()
MATURITY = departure(SILENCE, 14).maturity
TO_MATURITY = timedelta(days=MATURITY.horizon_days + MATURITY.reporting_lag_days)


def expectations(engine: Engine, world: World, silence: Silence = SILENCE) -> ExpectedOrders:
    load(engine, complete(world))
    return expected_orders(engine, silence)


def states(expected: ExpectedOrders, as_ofs: Sequence[date]) -> list[dict]:
    """Per snapshot what it expects of each account."""
    return [expected.state(as_of).set_index("account_id").to_dict("index") for as_of in as_ofs]


def rows_of(accounts: Sequence[str], as_ofs: Sequence[date]) -> pd.DataFrame:
    rows = pd.DataFrame(grid(accounts, as_ofs), columns=["account_id", "as_of"])
    return rows.assign(as_of=pd.to_datetime(rows["as_of"]))


def outcomes(
    engine: Engine, expected: ExpectedOrders, as_ofs: Sequence[date], rows: pd.DataFrame
) -> pd.DataFrame:
    """What became of accounts, whether for long too."""
    asked = (engine, expected, rows, as_ofs, MATURITY)
    made = departures(*asked)
    return made.assign(lasting=silent_after(engine, expected, made, *asked[3:], LASTING_DAYS))


def dated(expected: ExpectedOrders, as_of: date) -> dict[tuple[str, int], tuple[int, int]]:
    """Due and crossing of every order day that a snapshot sees, by account and day."""
    seen = expected.seen_on(as_of)
    keys = zip(expected.ids[seen.account], seen.day, strict=True)
    return dict(zip(keys, zip(seen.due, seen.crossing, strict=True), strict=True))


def departed(expected: ExpectedOrders, as_of: date) -> dict[str, set[int]]:
    """The dates of each account's departures of which the crossing is reached."""
    seen = expected.seen_on(as_of)
    gone = (seen.following >= seen.crossing) & (seen.crossing <= day_number(as_of))
    found: dict[str, set[int]] = {account: set() for account in ACCOUNTS}
    for account, due in zip(expected.ids[seen.account[gone]], seen.due[gone], strict=True):
        found[account].add(due)
    return found


def test_an_order_day_has_one_due_date_and_one_crossing(engine: Engine) -> None:
    """Seen from every snapshot, where no accounts are merged."""

    @law(share=0.1, per_batch=2)
    @given(long_batches(2, snapshots=8, merging=False))
    @telling
    def holds(batch: Batch) -> None:
        for world in batch.worlds:
            expected = expectations(engine, world)
            dates: dict[tuple[str, int], tuple[int, int]] = {}
            for as_of in batch.as_ofs:
                for key, answer in dated(expected, as_of).items():
                    assert dates.setdefault(key, answer) == answer, key

    holds()


def test_a_departure_has_one_date(engine: Engine) -> None:
    """From one snapshot to a later one no departure comes, goes or moves before the earlier one.

    Unless an order that was placed before it, or a deletion, has become known in between.
    """

    @law(share=0.1, per_batch=2)
    @given(long_batches(2, snapshots=8, merging=False))
    @telling
    def holds(batch: Batch) -> None:
        for world in batch.worlds:
            expected = expectations(engine, world)
            for earlier in batch.as_ofs:
                for later in batch.as_ofs:
                    if later <= earlier:
                        continue
                    then, now = departed(expected, earlier), departed(expected, later)
                    reached = dated(expected, later)
                    crossed = {
                        (account, due)
                        for (account, _), (due, crossing) in reached.items()
                        if crossing <= day_number(earlier)
                    }
                    for account in ACCOUNTS:
                        if not _learnt(world, account, midnight(earlier), midnight(later)):
                            assert then[account] == {
                                due for due in now[account] if (account, due) in crossed
                            }, (account, earlier, later)

    holds()


def _learnt(world: World, account: str, begin: datetime, end: datetime) -> bool:
    """Whether something from before `begin` became known between the two."""
    return any(
        row["account_id"] == account
        and begin <= row["known_at"] < end
        and (row["occurred_at"] < begin or _is_version(world, row))
        for row in world["orders"]
    )


def _is_version(world: World, row: dict) -> bool:
    first = min(r["known_at"] for r in world["orders"] if r["order_id"] == row["order_id"])
    return row["known_at"] > first


def test_truncation_of_the_state(engine: Engine) -> None:
    """Data cut to what was known before a snapshot give what all data give."""

    @law(share=0.06, per_batch=1)
    @given(long_batches(1, snapshots=2))
    @telling
    def holds(batch: Batch) -> None:
        for world in batch.worlds:
            whole = states(expectations(engine, world), batch.as_ofs)
            for as_of, state in zip(batch.as_ofs, whole, strict=True):
                known = expectations(engine, cut(world, midnight(as_of)))
                assert states(known, [as_of]) == [state]

    holds()


def test_outcomes_are_final_at_maturity(engine: Engine) -> None:
    """Data cut to what was known at maturity give what all data give."""

    @law(share=0.06, per_batch=1)
    @given(long_batches(1, snapshots=2))
    @telling
    def holds(batch: Batch) -> None:
        for world in batch.worlds:
            as_ofs = [as_of - TO_MATURITY for as_of in batch.as_ofs]
            rows = rows_of(ACCOUNTS, as_ofs)
            whole = departures(engine, expectations(engine, world), rows, as_ofs, MATURITY)
            for as_of in as_ofs:
                then = cut(world, midnight(as_of + TO_MATURITY))
                known = departures(
                    engine,
                    expectations(engine, then),
                    rows_of(ACCOUNTS, [as_of]),
                    [as_of],
                    MATURITY,
                )
                of_all = whole[whole["as_of"] == pd.Timestamp(as_of)]
                pd.testing.assert_frame_equal(known, of_all.reset_index(drop=True))

    holds()


def test_poison(engine: Engine) -> None:
    """Two futures that part at a moment give the same states up to it, and the same outcomes.

    They differ in orders that became known late, deletions and merges; the median gap follows.
    """

    @law(share=0.06, per_batch=1)
    @given(long_forks(1))
    @telling
    def holds(batch: Fork) -> None:
        for world, other in zip(batch.worlds, batch.others, strict=True):
            as_ofs = [as_of for as_of in batch.as_ofs if as_of <= batch.moment]
            mature = [as_of - TO_MATURITY for as_of in as_ofs]
            rows = rows_of(ACCOUNTS, mature)
            answers = []
            for future in (world, other):
                expected = expectations(engine, future)
                came = departures(engine, expected, rows, mature, MATURITY)
                answers.append((states(expected, as_ofs), came))
            assert answers[0][0] == answers[1][0]
            pd.testing.assert_frame_equal(answers[0][1], answers[1][1])

    holds()


def test_each_account_slips_becomes_due_or_neither(engine: Engine) -> None:
    """And is active or departed at each snapshot, once."""

    @law(share=0.06, per_batch=1)
    @given(long_batches(1, snapshots=4))
    @telling
    def holds(batch: Batch) -> None:
        for world in batch.worlds:
            expected, judge = expectations(engine, world), Expectations(world)
            came = outcomes(engine, expected, batch.as_ofs, rows_of(ACCOUNTS, batch.as_ofs))
            after = (came["departed_on"] - came["as_of"]).dt.days
            which = came["outcome"]
            assert which.isin(["slip", "due", "neither"]).all()
            assert ((which == "slip") == (after < 0)).all()
            assert ((which == "due") == after.between(0, HORIZON_DAYS - 1)).all()
            assert ((which == "neither") == after.isna()).all()
            assert not came.loc[which == "neither", "lasting"].any()
            for as_of in batch.as_ofs:
                state = expected.state(as_of)
                ordered = {account for account in ACCOUNTS if judge.days(account, as_of)}
                assert state["account_id"].is_unique and set(state["account_id"]) == ordered
                assert (state["last_order_on"] < pd.Timestamp(as_of)).all()
                gone = state["crossing_on"] <= pd.Timestamp(as_of)
                dates = departed(expected, as_of)
                for row in state[gone].itertuples():
                    assert max(dates[row.account_id]) == day_number(row.due_on.date())

    holds()


def test_a_lasting_departure_is_a_departure_without_an_order_for_long(engine: Engine) -> None:
    @law(share=0.06, per_batch=1)
    @given(long_batches(1, snapshots=3, merging=False))
    @telling
    def holds(batch: Batch) -> None:
        for world in batch.worlds:
            expected = expectations(engine, world)
            came = outcomes(engine, expected, batch.as_ofs, rows_of(ACCOUNTS, batch.as_ofs))
            for row in came.itertuples():
                asked = row.as_of.date() + TO_MATURITY + timedelta(days=LASTING_DAYS)
                seen = expected.seen_on(asked)
                own = expected.ids[seen.account] == row.account_id
                on = 0 if pd.isna(row.departed_on) else day_number(row.departed_on.date())
                waited = (seen.following - seen.crossing)[own & (seen.due == on)]
                assert row.lasting == bool((waited >= LASTING_DAYS).any())

    holds()


def test_rows_are_answered_in_their_order_and_alone_as_together(engine: Engine) -> None:
    """Neither the order of orders nor of the rows asked matters, nor what else is asked."""

    @law(share=0.06, per_batch=1)
    @given(long_batches(1, snapshots=2), st.integers(0, 2**32 - 1).map(Random))
    @telling
    def holds(batch: Batch, random: Random) -> None:
        for world in batch.worlds:
            expected = expectations(engine, world)
            rows = rows_of(ACCOUNTS, batch.as_ofs)
            together = outcomes(engine, expected, batch.as_ofs, rows)
            shuffled = {t: random.sample(of, len(of)) for t, of in complete(world).items()}
            other = expectations(engine, shuffled)
            assert states(expected, batch.as_ofs) == states(other, batch.as_ofs)
            order = random.sample(range(len(rows)), len(rows))
            again = outcomes(engine, other, batch.as_ofs, rows.iloc[order])
            pd.testing.assert_frame_equal(again, together.iloc[order].reset_index(drop=True))
            one = random.randrange(len(rows))
            alone = outcomes(engine, other, batch.as_ofs, rows.iloc[[one]])
            pd.testing.assert_frame_equal(alone, together.iloc[[one]].reset_index(drop=True))

    holds()


def test_accounts_meet_only_in_the_median_gap(engine: Engine) -> None:
    """With that given, an account alone is expected what it is among others."""

    @law(share=0.1, per_batch=2)
    @given(long_batches(2, snapshots=4, merging=False), st.sampled_from(ACCOUNTS))
    @telling
    def holds(batch: Batch, account: str) -> None:
        for world in batch.worlds:
            judge = Expectations(world)
            among = states(expectations(engine, world), batch.as_ofs)
            alone = {"orders": [r for r in world["orders"] if r["account_id"] == account]}

            def medians(
                _: pd.DataFrame, months: np.ndarray, judge: Expectations = judge
            ) -> pd.Series:
                days = [date(1970, 1, 1) + int(month) * DAY for month in months]
                return pd.Series([float(judge.median_gap(day)) for day in days], months)

            with patch.object(tables, "_median_gaps", medians):
                expected = expectations(engine, alone)
            for state, own in zip(among, states(expected, batch.as_ofs), strict=True):
                assert own == {key: row for key, row in state.items() if key == account}

    holds()


def silences() -> st.SearchStrategy[Silence]:
    """The default and other keys."""
    return st.just(SILENCE) | st.builds(
        lambda gaps, shortest, more: Silence(gaps, shortest, shortest + more),
        st.integers(2, 9),
        st.integers(1, 120),
        st.integers(0, 200),
    )


def test_expected_gaps_and_patience_keep_to_their_bounds(engine: Engine) -> None:
    """With the default keys a gap has 1 to 455 days, and 135 more at most are waited."""
    assert (SILENCE.largest_gap, SILENCE.largest_seasonal_gap) == (240, 455)
    assert SILENCE.most_after_due == 135

    @law(share=0.2, per_batch=2)
    @given(long_batches(2), silences())
    @telling
    def holds(batch: Batch, silence: Silence) -> None:
        for world in batch.worlds:
            expected = expectations(engine, world, silence)
            waited = expected.patience - expected.gap
            assert (expected.gap >= 1).all()
            assert (expected.gap <= max(silence.largest_gap, silence.largest_seasonal_gap)).all()
            assert (waited >= 0).all() and (waited <= silence.most_after_due).all()

    holds()


@given(
    silences(),
    st.fractions(1, 400, max_denominator=400),
    st.none() | st.integers(1, 3000),
)
def test_patience_is_never_longer_than_its_bounds(
    silence: Silence, gap: float, last: int | None
) -> None:
    """Whatever the gaps, before days are rounded."""
    gap = min(float(gap), float(silence.largest_gap))
    last_gaps = np.array([np.nan if last is None else float(last)])
    (patience,) = silence.patience(np.array([gap]), last_gaps)
    least = silence.longest * (1 - 1 / silence.gaps)
    assert gap <= patience <= silence.longest + 2 * silence.shortest
    assert patience <= gap + max(least, silence.shortest) + 1e-9
