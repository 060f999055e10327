"""Feature tables by the product's own road, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain

import numpy as np
import pandas as pd
import pyarrow as pa
from seen import Answer, Answers
from worlds import ACCOUNTS, TABLE_NAMES, World, arrow, named, together

from features.definition import DEFAULT_WINDOWS, Family
from features.values import FeatureScope, Value, columns_of, scope_of
from pipeline.engines import Engine
from pipeline.tables.identity import make_identity_table
from pipeline.tables.values_table import IDENTITY, make_values_table

RELATIVE = 1e-9

Key = tuple[str, date]


def values_of(family: Family, windows: Sequence[int] = DEFAULT_WINDOWS) -> dict[str, Value]:
    """Every feature of a family, by name."""
    return {feature.name: feature.value for feature in family.features(windows)}


def own_values(family: Family, windows: Sequence[int] = DEFAULT_WINDOWS) -> dict[str, Value]:
    """The features of a family but for those that compare accounts with each other.

    Worlds side by side in one engine, or an account without its company, would change those.
    """
    values = values_of(family, windows)
    return {
        name: value for name, value in values.items() if scope_of(value) is FeatureScope.ACCOUNT
    }


def tables_of(family: Family) -> frozenset[str]:
    """The canonical tables that a family reads."""
    return frozenset(
        table for value in values_of(family).values() for table, _ in columns_of(value)
    )


def load(engine: Engine, world: World) -> None:
    """Replace what the engine holds by a completed world."""
    for table in TABLE_NAMES:
        engine.register(table, arrow(table, world[table]))
    engine.drop(IDENTITY)
    make_identity_table(engine)


def feature_table(engine: Engine, values: Mapping[str, Value], rows: Iterable[Key]) -> pd.DataFrame:
    """The values for each (account, snapshot) of `rows`, indexed by them, in their order."""
    account_ids, as_ofs = zip(*rows, strict=True)
    wanted = pa.table({"account_id": pa.array(account_ids), "as_of": pa.array(as_ofs)})
    engine.register("wanted_rows", wanted)
    make_values_table(engine, "answered", values, sorted(set(as_ofs)), rows="wanted_rows")
    frame = engine.frame("SELECT * FROM answered")
    frame["as_of"] = pd.to_datetime(frame["as_of"]).dt.date
    assert len(frame) == len(account_ids), "one row per account and snapshot"
    return frame.set_index(["account_id", "as_of"]).loc[list(zip(account_ids, as_ofs, strict=True))]


def from_world(
    engine: Engine, values: Mapping[str, Value], world: World, rows: Iterable[Key]
) -> pd.DataFrame:
    """`load`, then `feature_table`."""
    load(engine, world)
    return feature_table(engine, values, rows)


def side_by_side(
    engine: Engine,
    values: Mapping[str, Value],
    as_ofs: Sequence[date],
    *variants: Sequence[World],
) -> list[pd.DataFrame]:
    """One table per variant, a list of worlds, computed in one go: worlds do not mix."""
    prefixes = [[f"{v}|{w}|" for w in range(len(worlds))] for v, worlds in enumerate(variants)]
    everything = [
        named(world, prefix)
        for worlds, own in zip(variants, prefixes, strict=True)
        for world, prefix in zip(worlds, own, strict=True)
    ]
    rows = [
        grid([prefix + account for prefix in own for account in ACCOUNTS], as_ofs)
        for own in prefixes
    ]
    table = from_world(engine, values, together(everything), chain.from_iterable(rows))
    return [table.loc[of_variant] for of_variant in rows]


def up_to(moment: date, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the snapshots up to and including `moment`."""
    return table[[as_of <= moment for _, as_of in table.index]]


def assert_identical(left: pd.DataFrame, right: pd.DataFrame, what: str = "") -> None:
    """Bit for bit the same values in the same order; the index is not compared."""
    found = differences(left, right)
    assert not found, f"{what} {_listing(found)}"


def differences(left: pd.DataFrame, right: pd.DataFrame) -> list[str]:
    """Each value that is not bit for bit the same in both; the index is not compared."""
    assert list(left.columns) == list(right.columns)
    one, other = left.to_numpy(np.float64), right.to_numpy(np.float64)
    assert one.shape == other.shape
    rows, columns = np.nonzero(one.view(np.int64) != other.view(np.int64))
    return [
        f"{left.columns[column]} of {left.index[row]}: {one[row, column]} / {other[row, column]}"
        for row, column in zip(rows, columns, strict=True)
        if not np.isnan([one[row, column], other[row, column]]).all()
    ]


def assert_answers(table: pd.DataFrame, answers: Mapping[Key, Answers]) -> None:
    """The table says what the reference says: counts and spans exactly, the rest to 1e-9."""
    found = []
    for key, row in zip(table.index, table.itertuples(index=False), strict=True):
        expected = answers[key]
        assert expected.keys() == set(table.columns), expected.keys() ^ set(table.columns)
        for name, value in zip(table.columns, row, strict=True):
            if not agrees(value, expected[name]):
                found.append(f"{name} of {key}: engine {value}, reference {expected[name]}")
    assert not found, _listing(found)


def agrees(value: float, expected: Answer) -> bool:
    """Whether an engine's number is the expected answer."""
    if expected is None or np.isnan(value):
        return expected is None and bool(np.isnan(value))
    if isinstance(expected, timedelta):
        return value == expected / timedelta(days=1)
    if isinstance(expected, int):
        return value == expected
    return abs(value - expected) <= RELATIVE * abs(expected)


def grid(account_ids: Sequence[str], as_ofs: Sequence[date]) -> list[Key]:
    """Every account at every snapshot."""
    return [(account, as_of) for as_of in as_ofs for account in account_ids]


def _listing(found: Sequence[str]) -> str:
    return f"{len(found)} differ:\n" + "\n".join(found[:8])
