"""What every part of a compilation works with: the calendar, names, and ways to read rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from features.values import Aggregate
from features.visibility import Calendar, placed

ACCOUNT_NUMBERS = "account_numbers"
"""The table (account_id, account): a number for each account, in order of account_id."""


@dataclass(frozen=True)
class Step:
    """One query of a plan; its answer is kept as a table of that name.

    answers: the aggregates that the table answers, each in the column that the scope names, one
    row per account and snapshot number. A table without answers serves later steps only.
    by_name: the same query where the scan that it reads has names in place of account numbers.
    """

    name: str
    sql: str
    answers: tuple[Aggregate, ...] = ()
    by_name: str = ""


@dataclass(frozen=True)
class Scope:
    """The compilation of some aggregates at some snapshots.

    names: a column name for each aggregate. merged: see `features.visibility.events`.
    """

    calendar: Calendar
    names: Mapping[Aggregate, str]
    merged: bool

    @property
    def reached(self) -> tuple[str, ...]:
        """The names of all indexes."""
        return self.calendar.reached

    def placed(
        self, rows: str, columns: Iterable[str], indexes: Iterable[str] | None = None
    ) -> str:
        """SQL: see `features.visibility.placed`; with all indexes where none are named."""
        return placed(rows, columns, indexes or self.reached, self.calendar)

    def unpivoted(self, table: str, columns: Mapping[str, str], where: str = "TRUE") -> str:
        """SQL: a row per row of `table` and snapshot number.

        columns: SQL over the table by name, `{number}` standing for the snapshot's number, as does
        the one in `where`.
        """

        def at(number: int) -> str:
            listed = "".join(
                f", {text.format(number=number)} AS {name}" for name, text in columns.items()
            )
            return (
                f"SELECT account, {number} AS number{listed} FROM {table} "
                f"WHERE {where.format(number=number)}"
            )

        return " UNION ALL ".join(at(number) for number in range(self.calendar.snapshots))


def numbered(rows: str, columns: Iterable[str], also: str = "", joins: str = "") -> str:
    """SQL: rows with account_id and `columns`, the account's number in place of its name.

    also, joins: SQL for more columns, each after a comma, and for the joins to get them.
    """
    listed = "".join(f", named.{column}" for column in columns)
    return (
        f"SELECT {ACCOUNT_NUMBERS}.account{also}{listed} FROM ({rows}) AS named "
        f"JOIN {ACCOUNT_NUMBERS} ON {ACCOUNT_NUMBERS}.account_id = named.account_id{joins}"
    )


def at_snapshots(begins: str, ends: str) -> str:
    """SQL: a join of rows called `cell` with every snapshot in their range."""
    return f"JOIN snapshots ON snapshots.number >= {begins} AND snapshots.number < {ends}"
