"""What the lines of the orders count as, by their `order_kind`; docs/orders.md has the rules.

The kinds are settled once, while the orders are loaded, so that features and labels meet order
lines and returns only. A line is taken out from the moment on at which it is known not to count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from features.contract import ORDERS, Column
from pipeline.config.form import OrderConfig
from pipeline.engines import literal
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.casts import LATEST, Check, not_allowed
from pipeline.sources.findings import MOST_EXAMPLES, Example, Finding, Severity
from pipeline.wording import counted

KIND = "order_kind"
CANCELLED_AT = "cancelled_at"

_HOLES = "_holes"  # times in which a row of the orders is not seen: row, from_at, to_at
_KIND = f"COALESCE({KIND}, 'order')"
_NO_ORDERS = "('invoice', 'return', 'credit', 'bonus')"  # whose id says nothing of an invoice
_NO_DECISION = ("bonus", "renewal", "sample")


def our_kind(value: str, kinds: Mapping[str, str]) -> str:
    """SQL: the kind that a source's value stands for, as text; an unknown word is left as it is.

    kinds: words of the source in small letters, and the kind of each.
    """
    word = f"lower(trim(CAST({value} AS VARCHAR)))"
    ours = "".join(f" WHEN {literal(one)} THEN {literal(kind)}" for one, kind in kinds.items())
    return f"NULLIF(CASE {word}{ours} ELSE {word} END, '')" if kinds else f"NULLIF({word}, '')"


def unknown_kind(column: Column) -> Check:
    """The check that every row is of a known kind."""
    advice = "such rows are set aside; say what they are: `orders: {kinds: {<value>: order}}`"
    return replace(not_allowed(column), advice=advice)


def settle_kinds(
    engine: DuckDBEngine, mapped: frozenset[str], source: str, choices: OrderConfig
) -> list[Finding]:
    """Turn the loaded orders into what they count as, and say what became of each kind.

    mapped: the contract's columns that the source has. source: its name in findings.
    """
    if KIND in mapped:
        findings = [
            *_turn_returns(engine),
            *_cancel_out(engine, mapped),
            *_settle_invoices(engine, choices),
            *_set_aside(engine),
            *_settle_cancelled(engine, mapped),
            *_date_call_offs(engine, mapped, source, choices),
        ]
    else:
        findings = [*_without_kind(source, choices), *_settle_cancelled(engine, mapped)]
    for column in {KIND, CANCELLED_AT} & mapped:
        engine.execute(f"ALTER TABLE {ORDERS.name} DROP COLUMN {column}")
    return findings


def _without_kind(source: str, choices: OrderConfig) -> Iterator[Finding]:
    for name in sorted(choices.model_fields_set):
        yield Finding(
            Severity.ERROR,
            f"the config has `orders.{name}`, but the source has no {KIND}",
            ORDERS.name,
            source,
            KIND,
            advice=f"map it: `columns: {{{KIND}: ...}}`, or take `orders.{name}` out of the config",
        )


def _turn_returns(engine: DuckDBEngine) -> Iterator[Finding]:
    """Make the amounts of returns and credits negative, whatever sign the source gives them."""
    for kind in ("return", "credit"):
        positive = f"NOT deleted AND {_KIND} = '{kind}' AND amount_cents > 0"
        found = _note(engine, positive, f"of kind {kind}: a positive amount is taken as negative")
        if found:
            _update(engine, "amount_cents = -amount_cents, margin_cents = -margin_cents", positive)
            yield found


def _cancel_out(engine: DuckDBEngine, mapped: frozenset[str]) -> Iterator[Finding]:
    """Hide each credit beside an invoice of the same account, day and amount, and that invoice.

    Both are seen until both are known, and again when one of them changes. Somewhere there must be
    another line of that amount, of that day or before: the one that is booked again.
    """
    if not _count(engine, f"{_KIND} = 'credit'"):
        return
    line = "line_id" if "line_id" in mapped else "CAST(rowid AS VARCHAR)"
    same, named = "account_id, day, cents", "order_id, line"
    sided = (
        f"SELECT *, lead(known_at) OVER (PARTITION BY {same}, credits, {named} ORDER BY known_at) "
        "AS again_at FROM (SELECT rowid AS row, account_id, order_id, known_at, superseded_at, "
        f"{line} AS line, {_day()} AS day, abs(amount_cents) AS cents, "
        f"{_KIND} = 'credit' AS credits "
        f"FROM {ORDERS.name} WHERE NOT deleted AND amount_cents <> 0 "
        f"AND {_KIND} IN ('credit', 'invoice') AND ({_KIND} = 'credit') = (amount_cents < 0))"
    )
    lines = (
        f"SELECT {same}, credits, {named}, list(row) AS rows, min(known_at) AS from_at, "
        "min(superseded_at) FILTER (again_at IS DISTINCT FROM superseded_at) AS to_at "
        f"FROM ({sided}) GROUP BY ALL"
    )
    numbered = (
        f"SELECT *, row_number() OVER (PARTITION BY {same}, credits ORDER BY from_at, {named}) "
        f"AS number FROM ({lines})"
    )
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {_HOLES} AS WITH numbered AS ({numbered}), pairs AS ("
        "SELECT list_concat(any_value(credit.rows), any_value(invoice.rows)) AS rows, "
        "greatest(any_value(credit.from_at), any_value(invoice.from_at), min(first.known_at)) "
        "AS from_at, least(any_value(credit.to_at), any_value(invoice.to_at)) AS to_at "
        f"FROM numbered AS credit JOIN numbered AS invoice USING ({same}, number) "
        f"JOIN {ORDERS.name} AS first ON first.account_id = invoice.account_id "
        "AND first.amount_cents = invoice.cents AND NOT first.deleted "
        f"AND {_day('first.')} <= invoice.day "
        "AND NOT list_contains(invoice.rows, first.rowid) "
        f"WHERE credit.credits AND NOT invoice.credits GROUP BY {same}, number"
        ") SELECT unnest(rows) AS row, from_at, to_at FROM pairs "
        "WHERE to_at IS NULL OR from_at < to_at"
    )
    found = _note(
        engine,
        f"{_KIND} = 'credit' AND rowid IN (SELECT row FROM {_HOLES})",
        "of kind credit: cancelled out with an invoice that books the amount again on the same day",
    )
    _cut_holes(engine)
    yield from [found] if found else []


def _settle_invoices(engine: DuckDBEngine, choices: OrderConfig) -> Iterator[Finding]:
    """Take out the invoices of orders, from when the order is known on; the others are orders.

    An invoice is one of an order if an order of its id is not younger, by days.
    """
    invoices = f"NOT deleted AND {_KIND} = 'invoice'"
    ordered = f"NOT deleted AND {_KIND} NOT IN {_NO_ORDERS}"
    if choices.invoices == "never":
        found = _note(engine, invoices, "of kind invoice: not counted (`orders.invoices: never`)")
        _delete(engine, invoices)
        yield from [found] if found else []
        return
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {_HOLES} AS "
        "SELECT invoice.rowid AS row, min(ordered.known) AS from_at, "
        f"CAST(NULL AS TIMESTAMP) AS to_at FROM {ORDERS.name} AS invoice JOIN ("
        f"SELECT order_id, {_day()} AS day, min(known_at) AS known FROM {ORDERS.name} "
        f"WHERE {ordered} GROUP BY ALL"
        f") AS ordered ON ordered.order_id = invoice.order_id "
        f"AND ordered.day <= {_day('invoice.')} WHERE {invoices} GROUP BY invoice.rowid"
    )
    paired = f"rowid IN (SELECT row FROM {_HOLES})"
    billed = _note(
        engine, paired, "of kind invoice: not counted, as they bill the order of their order_id"
    )
    alone = _note(
        engine,
        f"{invoices} AND NOT {paired}",
        "of kind invoice: counted as orders, as no order has their order_id",
    )
    began = f"(SELECT min({_day()}) FROM {ORDERS.name} WHERE {ordered})"
    twice = _count(engine, f"{invoices} AND NOT {paired} AND {_day()} >= {began}")
    if alone and twice:
        alone = replace(
            alone,
            severity=Severity.WARNING,
            what=f"{alone.what}, {twice:,} of them beside orders",
            advice="if they bill orders of this source, the money counts twice: give them the "
            "orders' order_id, or write `orders: {invoices: never}`",
        )
    _cut_holes(engine)
    yield from (found for found in (billed, alone) if found)


def _set_aside(engine: DuckDBEngine) -> Iterator[Finding]:
    """Take out the lines that no decision of the account stands behind, their money too."""
    for kind in _NO_DECISION:
        lines = f"NOT deleted AND {_KIND} = '{kind}'"
        cents = engine.rows(f"SELECT sum(amount_cents) FROM {ORDERS.name} WHERE {lines}")[0][0]
        money = f"{(cents or 0) / 100:,.2f} in all"
        found = _note(
            engine,
            lines,
            f"of kind {kind}: not counted, as no decision of the account ({money})",
        )
        if found:
            _delete(engine, lines)
            yield found


def _settle_cancelled(engine: DuckDBEngine, mapped: frozenset[str]) -> Iterator[Finding]:
    """Let cancelled lines count until the cancellation was known, as far as the source says when.

    A version that says so ends the one before; without one, the line never counts.
    """
    if CANCELLED_AT in mapped:
        dated = f"NOT deleted AND {CANCELLED_AT} IS NOT NULL"
        found = _note(engine, dated, f"with {CANCELLED_AT}: counted until then", CANCELLED_AT)
        _delete(engine, f"{dated} AND {CANCELLED_AT} <= known_at")
        _update(engine, f"superseded_at = least(superseded_at, {CANCELLED_AT})", dated)
        yield from [found] if found else []
    if KIND not in mapped:
        return
    cancelled = f"NOT deleted AND {_KIND} = 'cancelled'"
    if CANCELLED_AT in mapped:
        cancelled += f" AND {CANCELLED_AT} IS NULL"
    key = ORDERS.key_of(mapped)
    before = " AND ".join(f"before.{column} = orders.{column}" for column in key) or "FALSE"
    ends = (
        f"EXISTS (FROM {ORDERS.name} AS before WHERE {before} "
        "AND before.known_at < orders.known_at AND NOT before.deleted)"
    )
    ended = _note(
        engine, f"{cancelled} AND {ends}", "of kind cancelled: the line is counted until known_at"
    )
    never = _note(
        engine,
        f"{cancelled} AND NOT {ends}",
        "of kind cancelled: never counted, as nothing says when they were cancelled",
    )
    _delete(engine, cancelled)
    yield from [ended] if ended else []
    if never:
        yield replace(
            never,
            severity=Severity.WARNING,
            advice="map `cancelled_at`, or deliver the earlier versions with their known_at; else "
            "snapshots before the cancellation know of it too early",
        )


def _date_call_offs(
    engine: DuckDBEngine, mapped: frozenset[str], source: str, choices: OrderConfig
) -> Iterator[Finding]:
    """Make the call-offs of each day an order, of the day they are promised for if configured."""
    call_offs = f"NOT deleted AND {_KIND} = 'call_off'"
    if choices.call_offs_at == "promised_at" and "promised_at" not in mapped:
        yield Finding(
            Severity.ERROR,
            "the config has `orders.call_offs_at: promised_at`, but the source has no promised_at",
            ORDERS.name,
            source,
            "promised_at",
            advice="map it: `columns: {promised_at: ...}`, or take `orders.call_offs_at` out",
        )
        return
    later = "FALSE"
    if choices.call_offs_at == "promised_at":
        later = f"COALESCE(promised_at > occurred_at AND promised_at < TIMESTAMP '{LATEST}', FALSE)"
    counted_on = {
        "the day for which they are promised": f"{call_offs} AND {later}",
        "the day of occurred_at": f"{call_offs} AND NOT {later}",
    }
    for day, lines in counted_on.items():
        found = _note(engine, lines, f"of kind call_off: counted on {day}")
        yield from [found] if found else []
    if choices.call_offs_at == "promised_at":
        _update(engine, "occurred_at = promised_at", f"{call_offs} AND {later}")
    _update(engine, f"order_id = concat(order_id, ' ', CAST({_day()} AS DATE))", call_offs)


def _day(of: str = "") -> str:
    return f"date_trunc('day', {of}occurred_at)"


def _cut_holes(engine: DuckDBEngine) -> None:
    """Hide rows of the orders for a time: what is left of each comes before and after it."""
    rows = f"SELECT orders.* REPLACE ({{}}) FROM {ORDERS.name} AS orders JOIN {_HOLES} AS hole"
    rows += " ON orders.rowid = hole.row"
    before = rows.format("LEAST(orders.superseded_at, hole.from_at) AS superseded_at")
    after = rows.format("GREATEST(orders.known_at, hole.to_at) AS known_at")
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE _left AS {before} WHERE orders.known_at < hole.from_at "
        f"UNION ALL {after} WHERE hole.to_at IS NOT NULL "
        "AND COALESCE(orders.superseded_at > hole.to_at, TRUE)"
    )
    _delete(engine, f"rowid IN (SELECT row FROM {_HOLES})")
    engine.execute(f"INSERT INTO {ORDERS.name} SELECT * FROM _left")
    engine.execute(f"DROP TABLE _left; DROP TABLE {_HOLES}")


def _delete(engine: DuckDBEngine, where: str) -> None:
    """Take rows out for good; versions that they superseded stay superseded."""
    engine.execute(f"DELETE FROM {ORDERS.name} WHERE {where}")


def _update(engine: DuckDBEngine, what: str, where: str) -> None:
    engine.execute(f"UPDATE {ORDERS.name} SET {what} WHERE {where}")


def _count(engine: DuckDBEngine, where: str) -> int:
    return int(engine.rows(f"SELECT count(*) FROM {ORDERS.name} WHERE {where}")[0][0])


def _note(engine: DuckDBEngine, where: str, what: str, column: str = KIND) -> Finding | None:
    """What became of some rows, with the first of their order ids; None without any."""
    count = _count(engine, where)
    if not count:
        return None
    ids = engine.rows(
        f"SELECT DISTINCT order_id FROM {ORDERS.name} WHERE {where} "
        f"ORDER BY 1 LIMIT {MOST_EXAMPLES}"
    )
    return Finding(
        Severity.NOTE,
        f"{counted(count, 'row')} {what}",
        ORDERS.name,
        column=column,
        count=count,
        examples=tuple(Example(str(order), key="order_id") for (order,) in ids),
    )
