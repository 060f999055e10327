"""What is wrong with the definitions of a family that we did not write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from sqlglot.errors import ParseError

from features.compilation import compile_values
from features.contract import TABLES
from features.definition import Definition, Family, Feature
from features.populations import Arrivals, Successions
from features.values import Value, columns_of
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.engines.query_trees import QueryTree
from pipeline.own_code import own_line, said
from pipeline.tables.values_table import make_values_table
from pipeline.termination import Terminated
from pipeline.wording import listed, shortened, unknown

READABLE = {name: table for name, table in TABLES.items() if not table.by_hand}
EVENTS = {name: table for name, table in TABLES.items() if table.events}

_BESIDE = (
    "account_id",
    "as_of",
    "label_complete",
    "defected",
    "treated",
)  # columns of the training table
_TRIED = date(2024, 1, 1)
_NAME = re.compile(r"(?!shown_)[a-z][a-z0-9_]{0,62}")  # PostgreSQL cuts off what is longer
_KEPT = {  # tables that rows of the same name would replace
    *TABLES,
    "account_identity",
    "account_numbers",
    "calendar",
    "cohort",
    "feature_table",
    "labels",
    "snapshots",
    "wanted_accounts",
}


def mistakes_of(family: Family, windows: Sequence[int], beside: Iterable[Family]) -> list[str]:
    """A sentence for each mistake; none where every feature can be computed.

    beside: families whose features, and whose names for derived rows, are taken. Every value is
    tried on tables without rows, so a mistake in its SQL is told before any data are read.
    """
    if family.table not in EVENTS:
        return [unknown(family.table, EVENTS, "table")]
    definitions = family.definitions
    if not isinstance(definitions, tuple) or not definitions:
        return ["`definitions` should be a tuple; a single one needs a comma: (Definition(...),)"]
    taken = dict.fromkeys(_BESIDE, "the training table")
    rows: dict[str, object] = {}
    for feature in (feature for other in beside for feature in other.features(windows)):
        taken[feature.name] = feature.family
        rows |= _derived(feature.value)
    with DuckDBEngine(threads=1) as engine:
        for table in READABLE.values():
            columns = (f"CAST(NULL AS {kind}) AS {name}" for name, kind in table.stored().items())
            engine.make(table.name, f"SELECT {', '.join(columns)} WHERE FALSE")
        return [
            f"definition {getattr(definition, 'stem', definition)!r}: {mistake}"
            for definition in definitions
            for mistake in _of_one(definition, family.name, windows, taken, rows, engine)
        ]


def _of_one(
    definition: object,
    family: str,
    windows: Sequence[int],
    taken: dict[str, str],
    rows: dict[str, object],
    engine: DuckDBEngine,
) -> list[str]:
    """The mistakes of one definition; `taken` and `rows` grow by what it defines."""
    if not isinstance(definition, Definition):
        return ["is no Definition"]
    try:
        features = definition.features(family, windows)
        for feature in features:
            if mistakes := list(dict.fromkeys(_of_feature(feature, taken, rows))):
                return mistakes  # those of one window are those of all
        if features:
            values = {feature.name: feature.value for feature in features}
            make_values_table(engine, "tried", values, [_TRIED])
            return [*_unstable(engine, values)]
    except (KeyboardInterrupt, Terminated):
        raise
    except BaseException as error:  # whatever the file's own code does
        line = own_line(error)
        return [said(error) + (f" (line {line})" if line else "")]
    return []


def _of_feature(feature: Feature, taken: dict[str, str], rows: dict[str, object]) -> Iterator[str]:
    if not _NAME.fullmatch(feature.name):
        yield (
            f"{feature.name!r} is no name of a feature: small letters, digits and _, at most 63 "
            "signs, not shown_..."
        )
    if feature.name in taken:
        yield f"'{feature.name}' is a column of {taken[feature.name]} already; give another stem"
    taken[feature.name] = feature.family
    if not isinstance(feature.value, Value):
        yield f"its value is no Value but {shortened(repr(feature.value))}"
        return
    try:
        read = columns_of(feature.value)
    except ParseError as error:
        yield _unparsed(error)
        return
    for table, column in sorted(read):
        if table in TABLES.keys() - READABLE.keys():
            yield f"it reads {table}, which tell what we did; a feature tells of the account"
        elif table not in READABLE:
            yield unknown(table, READABLE, "table")
        elif column not in READABLE[table].stored():
            yield unknown(column, READABLE[table].stored(), f"column of {table}")
    for table in sorted(_facts(feature.value)):
        if "account_id" in READABLE[table].stored():
            yield (
                f"rows are met with facts of {table}, which are of single accounts; an account is "
                "told by its own rows, and by facts that are of none, such as reps"
            )
    for name, defined in _derived(feature.value).items():
        if name in _KEPT or not _NAME.fullmatch(name):
            yield f"rows cannot be named {name!r}; small letters, digits and _, and no table's name"
        elif rows.setdefault(name, defined) != defined:
            yield f"other rows are named {name!r} already; give these another name"


def _facts(value: Value) -> set[str]:
    """The tables of facts that rows are met with."""
    read = (rows for aggregate in value.aggregates() for rows in aggregate.populations())
    return {rows.facts.table for rows in read if rows.facts and rows.facts.table in READABLE}


def _unstable(engine: DuckDBEngine, values: Mapping[str, Value]) -> Iterator[str]:
    """A sentence where the answer of a query would change from run to run."""
    plan = compile_values(values, [_TRIED])
    plans = (plan, *(comparison.totals for comparison in plan.comparisons))
    queries = [query for each in plans for query in (*(s.sql for s in each.steps), *each.queries)]
    calls = dict.fromkeys(
        call for sql in queries for call in QueryTree(engine, sql).unstable_calls()
    )
    if calls:
        yield f"its answer would change from run to run: {listed(calls)}; use {{as_of}}"


def _derived(value: Value) -> dict[str, object]:
    """The rows that become tables of the engine, by the name that they get there."""
    found = (aggregate.rows for aggregate in value.aggregates())
    return {rows.name: rows for rows in found if isinstance(rows, Successions | Arrivals)}


def _unparsed(error: ParseError) -> str:
    place = next(iter(error.errors), {})
    text = "".join(place.get(part) or "" for part in ("start_context", "highlight", "end_context"))
    return f"its SQL does not parse: {shortened(text, 120)!r}: {place.get('description', error)}"
