"""Which account a row counts for, as merges became known over time."""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from features.expressions import second
from features.visibility import snapshot_rows
from pipeline.engines import Engine
from pipeline.tables.values_table import IDENTITY

_ALWAYS = -(2**40)  # a second before every stamp

Merge = tuple[str, int, int | None]  # into_id, from second, until second


def make_identity_table(engine: Engine) -> None:
    """Create `account_identity` from `account_merges`, if there are any.

    One row per account that was ever merged and per period in which its rows count for the same
    account: account_id, known_as, from_s, to_s (seconds since 1970; to_s null: to this day).
    """
    if not engine.has_table("account_merges"):
        return
    merges: dict[str, list[Merge]] = {}
    for from_id, into_id, known, superseded in engine.rows(
        f"SELECT from_id, into_id, {second('known_at')}, {second('superseded_at')} "
        "FROM account_merges WHERE NOT deleted ORDER BY from_id, known_at"
    ):
        merges.setdefault(from_id, []).append((into_id, known, superseded))
    if not merges:
        return
    rows = [
        (account, known_as, begin, end)
        for account in sorted(merges)
        for known_as, begin, end in identity_periods(account, merges)
    ]
    columns = ("account_id", "known_as", "from_s", "to_s")
    types = (pa.string(), pa.string(), pa.int64(), pa.int64())
    arrays = [pa.array(values, t) for values, t in zip(zip(*rows, strict=True), types, strict=True)]
    engine.register(IDENTITY, pa.table(dict(zip(columns, arrays, strict=True))))


def merged_by(engine: Engine, as_of: date) -> dict[str, str]:
    """The accounts that had become part of another by the snapshot, and which that is."""
    if not engine.has_table(IDENTITY):
        return {}
    midnight = snapshot_rows([as_of])[0][2]
    found = engine.rows(
        f"SELECT account_id, known_as FROM {IDENTITY} WHERE known_as <> account_id "
        "AND from_s < ? AND (to_s IS NULL OR to_s >= ?)",
        [midnight, midnight],
    )
    return dict(found)


def identity_periods(
    account: str, merges: dict[str, list[Merge]]
) -> list[tuple[str, int, int | None]]:
    """(known_as, from second, until second) of one account, merges of merges followed."""
    changes = {_ALWAYS}
    reached, todo = {account}, [account]
    while todo:
        for into, known, superseded in merges.get(todo.pop(), []):
            changes |= {known} if superseded is None else {known, superseded}
            if into not in reached:
                reached.add(into)
                todo.append(into)
    periods: list[tuple[str, int, int | None]] = []
    ordered = sorted(changes)
    for begin, end in zip(ordered, [*ordered[1:], None], strict=True):
        known_as = _known_as(account, merges, begin)
        if periods and periods[-1][0] == known_as:
            periods[-1] = (known_as, periods[-1][1], end)
        else:
            periods.append((known_as, begin, end))
    return periods


def _known_as(account: str, merges: dict[str, list[Merge]], moment: int) -> str:
    """Where the account has ended up just after the moment; a circle stops where it closes."""
    seen = {account}
    while True:
        into = next(
            (
                target
                for target, known, superseded in merges.get(account, [])
                if known <= moment and (superseded is None or moment < superseded)
            ),
            None,
        )
        if into is None or into in seen:
            return account
        seen.add(into)
        account = into
