"""One source, from its files to a canonical table in the engine, with all that is wrong with it."""

from __future__ import annotations

from datetime import datetime

from features.contract import ORDERS, UNDATED, Table
from pipeline.config import Config, SourceConfig
from pipeline.engines import literal, quoted
from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.sources.casts import LATEST, Reading
from pipeline.sources.findings import Example, Finding, LoadedTable, Severity
from pipeline.sources.mapping import map_columns
from pipeline.sources.order_kinds import settle_kinds
from pipeline.sources.plausibility import Plausibility, Seen
from pipeline.sources.rates import convert_amounts
from pipeline.sources.reading import Origin, Reader
from pipeline.sources.staging import Staged, Staging, provided
from pipeline.sources.versions import (
    Versions,
    count_repeats,
    cut,
    drop_repeats,
    mark_superseded,
    settle_versions,
)
from pipeline.wording import counted, listed

LATE_DAYS = 30
LATE_SHARE = 0.05
QUIET_DAYS = 30
QUIET_SHARE = 0.05

_END = f"TIMESTAMP '{LATEST}'"  # a stage dated 9999 means never, and says nothing about the source

Found = list[Finding]


def load_table(
    reader: Reader,
    engine: DuckDBEngine,
    config: Config,
    table: Table,
    until: datetime | None,
    plausibility: Plausibility | None = None,
) -> tuple[LoadedTable | None, Found]:
    """Load one table; None where it cannot be read at all.

    until: leave out what became known at that moment or later. plausibility: looks at the rows.
    """
    source = config.sources[table.name]
    origin, findings = reader.open(table.name)
    if origin is None:
        return None, findings
    parts, found = map_columns(table, origin, source.columns)
    findings += found
    if not any(part.columns for part in parts):
        return None, findings
    reading = Reading(
        source.decimal,
        source.datetime_format,
        source.timezone or config.timezone,
        config.timezone,
        source.thousands,
        source.units,
        source.nulls,
        source.zones,
        f"sources.{table.name}",
    )
    staging = Staging(
        table, origin, parts, reading, source.complete_until, config.orders.kinds_by_word
    )
    try:
        with reader.limited(table.name):
            staged = staging.make(engine)
    except QueryError as error:
        staging.forget(engine)
        return None, [*findings, *reader.why_unreadable(table.name, origin, error)]
    findings += staged.findings
    findings += _too_few(table, origin, source, staged)
    findings += _too_many_unknown(table, origin, source, staged)
    mapped = staging.mapped
    key = table.key_of(mapped)
    once = bool(key) or source.dedupe
    findings += [each.finding(table.name, counts_once=once) for each in origin.twice]
    versions, found = _settle(engine, table, key, source)
    findings += found
    complete_until, found = _completeness(engine, table, mapped, source)
    findings += found
    findings += _notes(table, mapped)
    if versions.several:
        mark_superseded(engine, table.name, key)
    if table == ORDERS and "amount" in mapped:
        if config.rates is not None and config.currency is not None:
            findings += convert_amounts(engine, mapped, config.rates, config.currency)
        findings += settle_kinds(engine, mapped, origin.name, config.orders)
        findings += _returns(engine)
    if until is not None:
        cut(engine, table, until)
        complete_until = min(complete_until, until)
    rows = engine.rows(f"SELECT count(*) FROM {quoted(table.name)}")[0][0]
    loaded = LoadedTable(
        name=table.name,
        rows=rows,
        mapped=mapped,
        provided=provided(table, mapped),
        quarantined=staged.quarantined,
        repeated=0 if key else versions.repeats,
        complete_until=complete_until,
        lineage=origin.lineage,
        is_event=table.events,
    )
    if plausibility is not None:
        seen = Seen(engine, table, origin, staging, source, loaded, staged.rows)
        with reader.limited(table.name):
            findings += plausibility.of_rows(seen)
    return loaded, findings


def _too_few(table: Table, origin: Origin, source: SourceConfig, staged: Staged) -> Found:
    def finding(what: str, advice: str, count: int) -> Found:
        return [Finding(Severity.ERROR, what, table.name, origin.name, "", count, advice=advice)]

    if staged.rows < table.minimum_rows:
        advice = "correct the query" if origin.is_query else "export it again"
        return finding(
            f"0 rows; at least {table.minimum_rows} is needed",
            f"{advice}, or take `sources.{table.name}` out of the config",
            0,
        )
    if staged.bad > source.max_quarantined_share * staged.rows:
        share = staged.bad / staged.rows
        return finding(
            f"{staged.bad:,} of {counted(staged.rows, 'row')} ({share:.1%}) are "
            f"quarantined; at most {source.max_quarantined_share:.1%} may be",
            f"correct them, or raise `sources.{table.name}.max_quarantined_share`",
            staged.bad,
        )
    return []


def _too_many_unknown(table: Table, origin: Origin, source: SourceConfig, staged: Staged) -> Found:
    most = source.max_quarantined_share * staged.rows
    return [
        Finding(
            Severity.ERROR,
            f"{count:,} of {counted(staged.rows, 'row')} ({count / staged.rows:.1%}) hold words "
            f"that mean nothing here; at most {source.max_quarantined_share:.1%} may",
            table.name,
            origin.name,
            column,
            count,
            advice="say in a `.sql` mapping which of "
            f"{listed(table.column(column).words)} they are, leave the column out, or raise "
            f"`sources.{table.name}.max_quarantined_share`",
        )
        for column, count in staged.blanked.items()
        if count > most
    ]


def _of_repeats(table: str) -> str:
    """What repeated rows mean, and what to do where they are one delivery of data twice."""
    return (
        "equal rows may be right, such as two of the same kind on one day; figures change\n"
        f"only if the same delivery of data was read twice. Then export {table} again without\n"
        f"the repeat, or set `sources.{table}.dedupe: true`, by which equal rows count once"
    )


def _settle(
    engine: DuckDBEngine, table: Table, key: tuple[str, ...], source: SourceConfig
) -> tuple[Versions, Found]:
    """Find repeats, versions and conflicts; repeats go, except lines that have no key."""
    if not key:
        repeated = count_repeats(engine, table.name)
        if not repeated:
            return Versions(), []
        if source.dedupe:
            drop_repeats(engine, table.name)
        what = f"{counted(repeated, 'row')} exactly like another in every mapped column: "
        what += "dropped (`dedupe: true`)" if source.dedupe else "kept"
        advice = "" if source.dedupe else _of_repeats(table.name)
        return Versions(repeated), [
            Finding(
                Severity.NOTE,
                what,
                table.name,
                count=repeated,
                advice=advice,
                shown_by_score=not source.dedupe,
            )
        ]
    versions = settle_versions(engine, table.name, key)
    findings = []
    if versions.repeats:
        what = f"{counted(versions.repeats, 'row')} said a version again: kept once"
        findings.append(Finding(Severity.NOTE, what, table.name, count=versions.repeats))
    if versions.conflicts:
        findings.append(
            Finding(
                Severity.ERROR,
                f"{counted(versions.conflicts, 'conflict')}: the same key, known at the same "
                "time, with different content",
                table.name,
                column=", ".join(key),
                count=versions.conflicts,
                examples=tuple(Example(example) for example in versions.examples),
                advice="keep the one that counts, or give each version its own known_at",
            )
        )
    return versions, findings


def _completeness(
    engine: DuckDBEngine, table: Table, mapped: frozenset[str], source: SourceConfig
) -> tuple[datetime, Found]:
    """Until when a source is complete; by default, the last moment at which it knew something."""
    known = ["known_at", *(s.known for s in table.stages if s.known and s.occurred in mapped)]
    # Never before UNDATED: a mistyped stage can lie in a year that Python has no date for.
    stamps = [f"max({c}) FILTER ({c} < {_END})" for c in known]
    last = f"greatest({', '.join(stamps)}, TIMESTAMP {literal(str(UNDATED))})"
    name = quoted(table.name)
    if engine.rows(f"SELECT count(*) FROM {name}") == [(0,)]:
        return source.complete_until or UNDATED, []
    latest = engine.rows(f"SELECT {last} FROM {name}")[0][0]
    late = recent = earlier = "0"
    if table.events and {"known_at", table.occurred} <= mapped:
        late = f"count_if(known_at > {table.occurred} + INTERVAL {LATE_DAYS} DAY)"
    if table.events:
        quiet = f"TIMESTAMP {literal(str(latest))} - INTERVAL {QUIET_DAYS} DAY"
        recent = f"count_if(known_at > {quiet})"
        before = f"FILTER (known_at <= {quiet})"
        span = f"date_diff('day', min(known_at), max(known_at) {before})"
        earlier = f"coalesce(count(*) {before} * {QUIET_DAYS} / greatest({QUIET_DAYS}, {span}), 0)"
    rows, late_rows, recent_rows, usual_rows = engine.rows(
        f"SELECT count(*), {late}, {recent}, {earlier} FROM {name}"
    )[0]
    findings = []
    if late_rows > LATE_SHARE * rows:
        what = (
            f"{counted(late_rows, 'row')} ({late_rows / rows:.1%}) known more than {LATE_DAYS} "
            f"days after {table.occurred}"
        )
        advice = "was the history loaded in one go? then known_at is not when it was known"
        findings.append(
            Finding(Severity.WARNING, what, table.name, "", "known_at", late_rows, advice=advice)
        )
    if source.complete_until is not None:
        return source.complete_until, findings
    if table.events and recent_rows < QUIET_SHARE * usual_rows:
        # Labels ripen and staleness is judged by this stamp of the orders, so it is not guessed.
        severity = Severity.ERROR if table.name == "orders" else Severity.WARNING
        what = (
            f"the last known stamp is {latest}, yet only {counted(recent_rows, 'row')} lie in the "
            f"{QUIET_DAYS} days before it, of {usual_rows:,.0f} in as many days usually"
        )
        advice = (
            "a mistyped date? correct it, or say with `complete_until` how far the source is "
            "complete"
        )
        findings.append(
            Finding(severity, what, table.name, "", "known_at", recent_rows, advice=advice)
        )
    return latest, findings


def _notes(table: Table, mapped: frozenset[str]) -> Found:
    findings = []
    if "known_at" not in mapped and table.occurred:
        what = f"not in the source: taken as {table.occurred}"
        findings.append(Finding(Severity.NOTE, what, table.name, column="known_at"))
    if table.name == "orders" and "line_id" not in mapped:
        what = "not in the source: lines cannot have versions, and a corrected line counts twice"
        findings.append(Finding(Severity.NOTE, what, table.name, column="line_id"))
    return findings


def _returns(engine: DuckDBEngine) -> Found:
    count = engine.rows(f"SELECT count(*) FROM {ORDERS.name} WHERE amount_cents < 0")[0][0]
    if not count:
        return []
    what = f"{counted(count, 'return')} (negative amounts): kept, and netted apart from the orders"
    return [Finding(Severity.NOTE, what, ORDERS.name, column="amount", count=count)]
