"""A last row that sums up all others: read as an order, it is the largest account of all."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from pipeline.config import Config
from pipeline.engines import literal
from pipeline.sources.findings import Example, Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.sources.staging import MappedPart
from pipeline.wording import shortened

FEWEST_OTHERS = 3


def total_row(seen: Seen, config: Config) -> Iterator[Finding]:
    """Files of orders whose last row is the sum of the others, of no account or one of its own."""
    if not seen.has("account_id", "amount"):
        return
    files = [part for part in seen.files() if part.part.files]
    complete = seen.loaded.rows == seen.read
    if not files or (len(files) == 1 and complete):
        suspect = _suspect(seen)
        if suspect is not None and not files:
            account, cents = suspect
            yield _finding(seen, (Example(_money(cents), key=f"account_id {account}"),), account)
        if suspect is None or not files:
            return
    for part in files:
        yield from _of_file(seen, part, len(files) == 1)


def _of_file(seen: Seen, part: MappedPart, alone: bool) -> Iterator[Finding]:
    rows = f"({seen.staging.typed(part)})"
    count, total, least, most = seen.rows(
        f"SELECT count(amount_cents), sum(amount_cents), min(amount_cents), max(amount_cents) "
        f"FROM {rows}"
    )[0]
    if count <= FEWEST_OTHERS or not any(_is_total(c, total, count) for c in (least, most)):
        return
    located = f"({seen.staging.typed(part, located=True)})"
    row, account, cents = seen.rows(
        f"SELECT _row, account_id, amount_cents FROM {located} WHERE amount_cents IS NOT NULL "
        "ORDER BY _row DESC LIMIT 1"
    )[0]
    if not _is_total(cents, total, count):
        return
    if account is not None:
        same = f"SELECT count(*) FROM {rows} WHERE account_id = {literal(account)}"
        if seen.rows(same) != [(1,)]:
            return
    file = part.part.files[0].lineage.path
    examples = (Example(f"{shortened(account or '')} {_money(cents)}".strip(), file, row),)
    is_csv = part.part.files[0].format == "csv"
    yield _finding(seen, examples, account, file, footer=alone and is_csv)


def _suspect(seen: Seen) -> tuple[str, int] | None:
    """The one line of an account that has as much as all other lines together."""
    count, total = seen.rows(f"SELECT count(*), sum(amount_cents) FROM {seen.name}")[0]
    if count <= FEWEST_OTHERS or not total:
        return None
    slack = _slack(count)
    near = f"CAST(amount_cents AS HUGEINT) * 2 BETWEEN {total - slack} AND {total + slack}"
    for account, cents in seen.rows(
        f"SELECT account_id, amount_cents FROM {seen.name} WHERE {near} LIMIT 3"
    ):
        same = f"SELECT count(*) FROM {seen.name} WHERE account_id = {literal(account)}"
        if seen.rows(same) == [(1,)]:
            return account, cents
    return None


def _is_total(cents: int, total: int, count: int) -> bool:
    return total != 0 and abs(2 * cents - total) <= _slack(count)


def _slack(count: int) -> int:
    """Cents by which rounding each row may miss the rounded total."""
    return isqrt(count) // 10


def _money(cents: int) -> str:
    return f"{cents / 100:,.2f}"


def _finding(
    seen: Seen,
    examples: tuple[Example, ...],
    account: str | None,
    file: str = "",
    footer: bool = False,
) -> Finding:
    column = seen.source_column("account_id")
    where = f"{column} IS NOT NULL" if account is None else f"{column} <> {literal(account)}"
    return seen.warning(
        "the amount of the last row is the sum of all other rows: a total, and no order"
        if file
        else "the amount of a row is the sum of all other rows: a total, and no order",
        "amount",
        1,
        examples,
        f"leave it out: `footer_rows: 1` in `sources.{seen.name}`"
        if footer
        else seen.mapping("leave it out", {}, where),
        file,
    )
