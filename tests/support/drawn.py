"""Golden tables: events and expected features drawn as text, for people to read and check.

Days count from the snapshot, which is day 0: `-30` is the midnight 30 days before it, `-30 14:00`
that afternoon. An empty cell is a null. Expected numbers may be fractions and sums: `1/3`,
`30 + 1/86400`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from feature_tables import RELATIVE, Key, agrees, feature_table, load
from reference import reference
from worlds import STAGES, Row, World, complete

from features.definition import DEFAULT_WINDOWS, Family, Feature
from features.families import FAMILIES
from pipeline.engines import Engine

DAY_0 = date(2024, 3, 1)


def day(cell: str) -> datetime:
    """The moment that a cell such as `-30 14:00` stands for.

    >>> day("-1"), day("-1 14:00")
    (datetime.datetime(2024, 2, 29, 0, 0), datetime.datetime(2024, 2, 29, 14, 0))
    """
    number, _, clock = cell.partition(" ")
    on = DAY_0 + timedelta(days=int(number))
    return datetime.combine(on, time.fromisoformat(clock) if clock else time())


def cents(cell: str) -> int:
    """Units of the currency as cents."""
    return int(Decimal(cell) * 100)


def number(cell: str) -> Fraction:
    """An expected number, exactly.

    >>> number("30 + 1/2")
    Fraction(61, 2)
    """
    quotients = (term.split("/") for term in cell.split("+"))
    return sum((Fraction(q[0].strip()) / Fraction((*q, "1")[1]) for q in quotients), Fraction())


# Per drawn table: the names of the columns as drawn, what they stand for, and how a cell reads.
COLUMNS: dict[str, dict[str, tuple[str, Callable[[str], object]]]] = {
    "orders": {
        "account": ("account_id", str),
        "order": ("order_id", str),
        "line": ("line_id", str),
        "day": ("occurred_at", day),
        "known": ("known_at", day),
        "amount": ("amount_cents", cents),
        "margin": ("margin_cents", cents),
        "product": ("product_id", str),
        "category": ("category", str),
        "quantity": ("quantity", Decimal),
        "promised": ("promised_at", day),
        "delivered": ("delivered_at", day),
        "deleted": ("deleted", "yes".__eq__),
    },
    "touches": {
        "account": ("account_id", str),
        "contact": ("contact_id", str),
        "rep": ("rep_id", str),
        "day": ("occurred_at", day),
        "known": ("known_at", day),
        "role": ("role", str),
        "department": ("department", str),
        "seniority": ("seniority", str),
        "begun by": ("initiated_by", str),
    },
    "complaints": {
        "account": ("account_id", str),
        "case": ("complaint_id", str),
        "opened": ("opened_at", day),
        "known": ("known_at", day),
        "category": ("category", str),
        "severity": ("severity", str),
        "due": ("due_at", day),
        "answered": ("first_response_at", day),
        "answer known": ("first_response_known_at", day),
        "answers recorded": ("first_response_recorded", "yes".__eq__),
        "resolved": ("resolved_at", day),
        "resolution known": ("resolved_known_at", day),
        "resolutions recorded": ("resolved_recorded", "yes".__eq__),
        "reopened": ("reopened_at", day),
        "reopening known": ("reopened_known_at", day),
        "reopenings recorded": ("reopened_recorded", "yes".__eq__),
        "deleted": ("deleted", "yes".__eq__),
    },
    "reps": {
        "rep": ("rep_id", str),
        "left": ("left_on", day),
        "known": ("known_at", day),
        "deleted": ("deleted", "yes".__eq__),
    },
    "account_merges": {
        "from": ("from_id", str),
        "into": ("into_id", str),
        "known": ("known_at", day),
        "deleted": ("deleted", "yes".__eq__),
    },
}

# What a column that is not drawn says; {n} is the row's number.
UNDRAWN: dict[str, Row] = {
    "orders": {"account_id": "A", "order_id": "o{n}", "line_id": "{n}", "amount_cents": 10_000},
    "touches": {"account_id": "A", "contact_id": "Ann", "rep_id": "Rob"},
    "complaints": {"account_id": "A", "complaint_id": "k{n}"},
    "reps": {},
    "account_merges": {},
}


class Spec:
    """Checks drawn events against drawn features, by the engine and by the reference."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, *, expect: str, **drawn: str) -> None:
        """The features named in `expect` are as drawn.

        drawn: tables of COLUMNS by name. expect: a row per feature; its columns are accounts
        (`A`), days (`day -5`, of account A) or both (`B, day 3`).
        """
        world: World = {table: read_rows(table, drawn.get(table, "")) for table in COLUMNS}
        cells = {
            (row["feature"], _key(header)): cell
            for row in grid_of(expect)
            for header, cell in row.items()
            if header != "feature"
        }
        keys = list(dict.fromkeys(key for _, key in cells))
        features = {name: FEATURES[name] for name, _ in cells}
        load(self._engine, complete(world))
        values = {name: feature.value for name, feature in features.items()}
        table = feature_table(self._engine, values, keys)
        judged = {
            family: reference(family, world, keys, DEFAULT_WINDOWS)
            for family in {feature.family for feature in features.values()}
        }
        for (name, key), cell in cells.items():
            expected = None if cell == "null" else number(cell)
            engine = table.loc[key, name]
            by_reference = judged[features[name].family][key][name]
            assert _is(engine, expected), f"{name} of {key}: engine {engine}, drawn {cell}"
            assert agrees(engine, by_reference), f"{name} of {key}: reference {by_reference}"


def read_rows(table: str, text: str) -> list[Row]:
    """The rows of a drawn table; columns not drawn take the values of UNDRAWN."""
    rows = []
    for count, drawn in enumerate(grid_of(text), start=1):
        row: Row = {
            column: value.format(n=count) if isinstance(value, str) else value
            for column, value in UNDRAWN[table].items()
        }
        for header, cell in drawn.items():
            column, read = COLUMNS[table][header]
            row[column] = read(cell) if cell else None
        recorded = {f"{stage}_recorded" for stage in STAGES}
        rows.append({c: v for c, v in row.items() if not (c in recorded and v is None)})
    return rows


def grid_of(text: str) -> Iterator[dict[str, str]]:
    """Rows of a text table by their headers; ruled lines and empty lines do not count."""
    lines = [line for line in text.splitlines() if line.strip() and set(line) - set(" -+|")]
    header, *rows = [[cell.strip() for cell in line.split("|")] for line in lines] or [[]]
    for row in rows:
        yield dict(zip(header, row, strict=True))


FEATURES: dict[str, Feature] = {
    feature.name: feature for family in FAMILIES.values() for feature in family.features()
}


def undrawn(family: Family, path: Path) -> list[str]:
    """What the golden tables of a file leave out.

    Every definition must be drawn with a number, and with a null if it can be null.
    """
    drawn: dict[str, set[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        name, *cells = [cell.strip() for cell in line.split("|")]
        stem = re.sub(r"_\d+d$", "", name)
        drawn.setdefault(stem, set()).update("null" if c == "null" else "number" for c in cells)
    return [
        f"{definition.stem}: no {kind}"
        for definition in family.definitions
        for kind in _kinds(definition.null_means)
        if kind not in drawn.get(definition.stem, set())
    ]


def _kinds(null_means: str) -> Sequence[str]:
    return ("number",) if null_means.startswith("never null") else ("number", "null")


def _key(header: str) -> Key:
    account, _, days = header.rpartition("day ")
    if "day " not in header:
        return header, DAY_0
    return account.strip(", ") or "A", DAY_0 + timedelta(days=int(days))


def _is(value: float, expected: Fraction | None) -> bool:
    if expected is None or value != value:
        return expected is None and value != value
    return abs(Fraction(value) - expected) <= Fraction(RELATIVE) * abs(expected)
