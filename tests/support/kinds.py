"""Order lines of several kinds, drawn as text and loaded as a source of a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import yaml
from drawn import DAY_0, day, grid_of, number
from feature_tables import feature_table

from features.families import FAMILIES
from pipeline.config import load_config
from pipeline.engines import Engine
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources import Sources, load_sources, readable_paths
from pipeline.sources.findings import Report
from pipeline.tables.expected_orders import Silence, expected_orders

# Three accounts that order every 20 days for two years and more, so that the median gap is 20.
MARKET = "\n".join(
    f"{account} | {first + 20 * step} | 100"
    for account, first in (("m1", -800), ("m2", -793), ("m3", -786))
    for step in range(55)
)
COLUMNS = {
    "account": "account_id",
    "order": "order_id",
    "line": "line_id",
    "kind": "order_kind",
    "day": "occurred_at",
    "known": "known_at",
    "amount": "amount",
    "margin": "margin",
    "promised": "promised_at",
    "currency": "currency",
    "deleted": "deleted",
    "cancelled": "cancelled_at",
}
_TIMES = {"occurred_at", "known_at", "promised_at", "cancelled_at"}


def rows(orders: str) -> list[dict[str, str]]:
    """The drawn lines as the text of a source, by the contract's columns."""
    return [dict(row) for row in _rows(orders)]


def _rows(orders: str) -> Iterator[dict[str, str]]:
    for count, drawn in enumerate(grid_of(orders), start=1):
        row = {COLUMNS[header]: cell for header, cell in drawn.items()}
        for name in _TIMES & row.keys():
            row[name] = str(day(row[name])) if row[name] else ""
        yield {"order_id": f"line {count}"} | row


def market(kind: str = "") -> list[dict[str, str]]:
    """The lines of MARKET, all of one kind if it is given."""
    lines = rows("account | day | amount\n" + MARKET)
    return [line | {"order_kind": kind} for line in lines] if kind else lines


class Source:
    """A project over drawn orders, read into an engine of its own.

    files: further tables as CSV, by name. choices: sections of the config.
    """

    def __init__(
        self,
        folder: Path,
        lines: list[dict[str, str]],
        files: Mapping[str, str] | None = None,
        **choices: object,
    ) -> None:
        names = list(dict.fromkeys(name for row in lines for name in row))
        filled = [{"line_id": "1"} | row for row in lines]
        text = "\n".join(",".join(row.get(name, "") for name in names) for row in filled)
        written = {"orders": ",".join(names) + "\n" + text + "\n"} | dict(files or {})
        for name, content in written.items():
            (folder / f"{name}.csv").write_text(content, encoding="utf-8")
        form = {
            "name": "drawn",
            "sources": {name: {"path": f"{name}.csv"} for name in written},
            "snapshots": {"first": "2024-02-01", "last": "2024-03-01"},
        } | choices
        (folder / "drawn.yaml").write_text(yaml.safe_dump(form), encoding="utf-8")
        self.config = load_config(folder / "drawn.yaml")
        self.engine = DuckDBEngine(readable_paths(self.config), threads=1)

    def load(self, known_before: date | None = None) -> Sources:
        """Read the sources; an error of theirs is raised."""
        return load_sources(self.config, self.engine, known_before)


def said(report: Report) -> list[str]:
    """What the findings say of the kinds of orders, in one line each, the ids left out."""
    return [
        f"{finding.severity}: {finding.what}"
        for finding in report.findings
        if finding.column in ("order_kind", "cancelled_at")
    ]


def answers(engine: Engine, account: str, at: str, asked: set[str]) -> dict[str, str]:
    """What a snapshot sees of an account: `last`, `due`, `state`, or any feature of the orders."""
    as_of = DAY_0 + timedelta(days=int(at))
    state = expected_orders(engine, Silence()).state(as_of).set_index("account_id")
    found = {"last": "", "due": "", "state": "none"}
    if account in state.index:
        last, due, crossing = (on.date() for on in state.loc[account])
        found = {
            "last": str((last - DAY_0).days),
            "due": str((due - DAY_0).days),
            "state": "active" if as_of < crossing else "departed",
        }
    values = {
        feature.name: feature.value
        for feature in FAMILIES["order_history"].features()
        if feature.name in asked
    }
    if values:
        table = feature_table(engine, values, [(account, as_of)])
        found |= {name: str(float(table.iloc[0][name])) for name in values}
    return found


def check(engine: Engine, expect: str) -> None:
    """The answers are as drawn: a row per account and snapshot (`at`, day 0 if absent)."""
    for row in grid_of(expect):
        account, at = row.pop("account"), row.pop("at", "0")
        found = answers(engine, account, at, set(row))
        for name, cell in row.items():
            where = f"{name} of {account} at {at}"
            if name in ("last", "due", "state"):
                assert found[name] == cell, f"{where}: {found[name]}, drawn {cell}"
            else:
                expected = float("nan") if cell == "null" else float(number(cell))
                value = float(found[name])
                same = value == expected or (value != value and expected != expected)
                assert same, f"{where}: {value}, drawn {cell}"


def table_rows(engine: Engine) -> list[tuple[object, ...]]:
    """The loaded orders, sorted."""
    return engine.rows("SELECT * FROM orders ORDER BY ALL")
