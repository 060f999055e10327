"""Accounts of touches, complaints and other tables that would match the orders if written alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.engines import quoted
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.ids import NUMERALS, UNSEEN
from pipeline.sources.plausibility.seen import Seen

FEWEST = 2  # accounts of which none has an order, so that it is no chance


@dataclass(frozen=True)
class Reference:
    """Ids of a table that are those of another. strange: it is odd if none of them matches."""

    table: str
    column: str
    other: str
    other_column: str
    noun: str = "account"
    strange: bool = False


REFERENCES = (
    Reference("touches", "account_id", "orders", "account_id", strange=True),
    Reference("complaints", "account_id", "orders", "account_id", strange=True),
    Reference("accounts", "account_id", "orders", "account_id", strange=True),
    Reference("outcomes", "account_id", "orders", "account_id", strange=True),
    Reference("account_merges", "from_id", "orders", "account_id"),
    Reference("account_merges", "into_id", "orders", "account_id"),
    Reference("accounts", "parent_id", "accounts", "account_id"),
    Reference("touches", "rep_id", "reps", "rep_id", "representative"),
    Reference("accounts", "owner_id", "reps", "rep_id", "representative"),
    Reference("complaints", "product_id", "orders", "product_id", "product"),
)


@dataclass(frozen=True)
class Form:
    """A way to write ids alike.

    without: what differs no more. key: an SQL expression of {}. changes: shorter ones to suggest,
    the first that is enough; the key if there are none.
    """

    without: str
    key: str
    changes: tuple[str, ...] = ()

    def of(self, column: str) -> str:
        """The key of a column."""
        return self.key.replace("{}", column)


FORMS = (
    Form(
        "blanks and capitals",
        f"lower(regexp_replace({{}}, '{UNSEEN}', '', 'g'))",
        ("upper(replace({}, ' ', ''))", "lower(replace({}, ' ', ''))"),
    ),
    Form("leading zeros", "regexp_replace({}, '^0+([0-9])', '\\1')"),
    Form("a tail such as .0", "regexp_replace({}, '^([0-9]+)[.,]0+$', '\\1')"),
    Form(
        "the last three characters of ids of 18 (Salesforce has both forms)",
        "CASE WHEN regexp_full_match({}, '[A-Za-z0-9]{18}') THEN left({}, 15) ELSE {} END",
        ("left({}, 15)",),
    ),
    Form("leading zeros and a tail such as .0", f"regexp_replace({{}}, '{NUMERALS}', '\\1')"),
    Form(
        "separators, blanks, capitals and leading zeros",
        "regexp_replace(lower(regexp_replace({}, '[^\\pL\\pN]', '', 'g')), '^0+([0-9])', '\\1')",
    ),
)
_DIGITS = Form("everything but digits", "ltrim(regexp_replace({}, '[^0-9]', '', 'g'), '0')")


def unmatched_ids(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """What does not match, and by which form of writing it would; others are only counted."""
    for each in REFERENCES:
        seen, other = tables.get(each.table), tables.get(each.other)
        if seen and other and seen.has(each.column) and other.has(each.other_column):
            known = f"SELECT {quoted(each.other_column)} AS id FROM {other.name}"
            if each.noun == "account" and "account_merges" in tables and seen.has("account_id"):
                known += " UNION ALL SELECT from_id FROM account_merges"
            try:
                yield from _unmatched(each, seen, other, known)
            finally:
                seen.engine.drop("_known_ids", "_unmatched_ids", "_matched_ids")


def _unmatched(reference: Reference, seen: Seen, other: Seen, known: str) -> Iterator[Finding]:
    column, engine = quoted(reference.column), seen.engine
    engine.make("_known_ids", f"SELECT DISTINCT id FROM ({known}) WHERE id IS NOT NULL")
    engine.make(
        "_unmatched_ids",
        f"SELECT DISTINCT {column} AS id FROM {seen.name} WHERE {column} IS NOT NULL "
        f"AND {column} NOT IN (SELECT id FROM _known_ids)",
    )
    total = engine.rows(f"SELECT count(DISTINCT {column}) FROM {seen.name}")[0][0]
    left = _count(engine, "_unmatched_ids")
    none = left == total and total >= FEWEST
    for form in FORMS if left else ():
        key, keys = form.of("id"), f"SELECT {form.of('id')} FROM _known_ids"
        matches = f"{key} <> '' AND {key} IN ({keys})"
        engine.make("_matched_ids", f"SELECT id FROM _unmatched_ids WHERE {matches}")
        count = _count(engine, "_matched_ids")
        if count:
            yield _finding(reference, seen, other, form, count, total, none)
            engine.execute(f"DELETE FROM _unmatched_ids WHERE {matches}")
    unlike, left = left, _count(engine, "_unmatched_ids")
    if not left or not reference.strange:
        return
    if none and left == unlike:
        yield _nothing_matches(reference, seen, other, total)
        return
    prospects = "" if seen.name == "accounts" else ", such as prospects"
    yield seen.note(
        f"{left:,} of {total:,} accounts have no order{prospects}", reference.column, left
    )


def _count(engine: DuckDBEngine, table: str) -> int:
    return int(engine.rows(f"SELECT count(*) FROM {table}")[0][0])


def _finding(
    reference: Reference, seen: Seen, other: Seen, form: Form, count: int, total: int, none: bool
) -> Finding:
    column = quoted(reference.column)
    nouns = f"{reference.noun}s of {seen.name}"
    what = f"{count:,} of {total:,} {nouns} {'is' if count == 1 else 'are'} not in {other.name}"
    if none:
        what = f"none of the {total:,} {nouns} is in {other.name}"
    examples = seen.examples(f"{column} IN (SELECT id FROM _matched_ids)", f"{column}")
    here, there = seen.engine.rows(
        "SELECT _matched_ids.id, _known_ids.id FROM _known_ids, _matched_ids "
        f"WHERE {form.of('_known_ids.id')} = {form.of('_matched_ids.id')} ORDER BY ALL LIMIT 1"
    )[0]
    return seen.warning(
        f"{what}; leaving out {form.without}, {count:,} {'matches' if count == 1 else 'match'}: "
        f"'{here}' here is '{there}' there",
        reference.column,
        count,
        examples,
        _advice(reference, seen, other, form, count),
    )


def _advice(reference: Reference, seen: Seen, other: Seen, form: Form, count: int) -> str:
    """The mapping of one of the two tables, if that is enough, else of both."""
    engine, changes = seen.engine, form.changes or (form.key,)
    why = "write the ids of both tables alike"
    lengths = engine.rows(
        "SELECT DISTINCT length(id) FROM _known_ids WHERE regexp_full_match(id, '[0-9]+') LIMIT 2"
    )
    if len(lengths) == 1:
        padded = f"lpad(regexp_replace({{}}, '[.,]0+$', ''), {lengths[0][0]}, '0')"
        changes = (padded, *changes)
    for change in changes:
        if _match(engine, change.replace("{}", "id"), "id") == count:
            return seen.mapping(why, {reference.column: change})
    for change in changes:
        if _match(engine, "id", change.replace("{}", "id")) == count:
            return other.mapping(why, {reference.other_column: change})
    there = change.replace("{}", other.source_column(reference.other_column))
    both = seen.mapping(why, {reference.column: change})
    return f"{both}\nand the same for {other.name}: {there} AS {reference.other_column}"


def _match(engine: DuckDBEngine, key: str, other_key: str) -> int:
    query = f"SELECT count(*) FROM _matched_ids WHERE {key} IN (SELECT {other_key} FROM _known_ids)"
    return int(engine.rows(query)[0][0])


def _nothing_matches(reference: Reference, seen: Seen, other: Seen, total: int) -> Finding:
    engine, column = seen.engine, quoted(reference.column)
    key, keys = _DIGITS.of("id"), f"SELECT {_DIGITS.of('id')} FROM _known_ids"
    likely = engine.rows(
        f"SELECT count(*) FROM _unmatched_ids WHERE {key} <> '' AND {key} IN ({keys})"
    )[0][0]
    what = f"none of the {total:,} accounts of {seen.name} is in {other.name}"
    if likely:
        what += f"; leaving out {_DIGITS.without}, {likely:,} would match"
    known = engine.rows("SELECT min(id) FROM _known_ids")[0][0]
    return seen.warning(
        what,
        reference.column,
        total,
        seen.examples(f"{column} IS NOT NULL", column),
        f"map the column that holds the ids of {other.name}, such as '{known}': "
        f"`columns: {{{reference.column}: ...}}`",
    )
