"""One sale that is booked twice: as order and as invoice, or as credit note and new invoice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.engines import literal
from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.wording import counted

SAMPLE_LINES = 100_000
NEAR_DAYS = 45
TWIN_SHARE = 0.8
FEWEST_TWINS = 3
FEWEST_AMOUNTS = 2
REBOOKED_SHARE, USUAL_SHARE = 0.02, 0.25
_REBOOKED_DAYS = 400
_PATTERN = (
    "CASE WHEN regexp_full_match(order_id, '[0-9]+') THEN "
    "regexp_replace(regexp_replace(order_id, '^0+', ''), '^([0-9])[0-9]*$', "
    "concat(length(ltrim(order_id, '0')), ' digits from \\1')) "
    "ELSE regexp_replace(order_id, '[0-9]+', '0', 'g') END"
)
"""The form of an order id: its letters, or the length and first digit of a number."""


def order_and_invoice(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """Ids of two patterns whose lines are the same: account, amount, product and quantity.

    The lines are alike in number, not far apart in time, and nearly all of the rarer pattern are.
    Looked at are whole accounts, all of them in small data.
    """
    seen = tables.get("orders")
    if seen is None or not seen.has("account_id", "order_id", "amount") or seen.has("order_kind"):
        return
    total = seen.rows("SELECT count(*) FROM orders")[0][0]
    every = -(-total // SAMPLE_LINES)
    chosen = f"AND hash(account_id) % {every} = 0" if every > 1 else ""
    same = ", ".join(
        c
        for c in ("account_id", "amount_cents", "product_id", "quantity")
        if c == "amount_cents" or seen.has(c)
    )
    engine = seen.engine
    engine.make(
        "_patterned",
        f"SELECT {same}, order_id, epoch(occurred_at) / 86400 AS day, {_PATTERN} AS pattern "
        f"FROM orders WHERE amount_cents > 0 AND NOT deleted {chosen}",
    )
    try:
        lines = dict(
            engine.rows(
                "SELECT pattern, count(*) FROM _patterned GROUP BY pattern "
                f"HAVING count(*) >= {FEWEST_TWINS} ORDER BY count(*) DESC, pattern LIMIT 20"
            )
        )
        if len(lines) < 2:
            return
        among = ", ".join(map(literal, lines))
        pairs = engine.rows(
            f"WITH grouped AS (SELECT {same}, pattern, count(*) AS n, avg(day) AS day, "
            f"min(day) AS first, max(day) AS last FROM _patterned WHERE pattern IN ({among}) "
            "GROUP BY ALL) "
            "SELECT a.pattern, b.pattern, sum(a.n), count(DISTINCT a.amount_cents) "
            "FROM grouped a JOIN grouped b ON "
            + " AND ".join(f"a.{c} IS NOT DISTINCT FROM b.{c}" for c in same.split(", "))
            + f" AND a.n = b.n AND b.day - a.day BETWEEN 0 AND {NEAR_DAYS} "
            "AND (b.day > a.day OR a.pattern < b.pattern) AND a.pattern <> b.pattern "
            "AND (a.n = 1 OR b.first < a.last) GROUP BY ALL ORDER BY 3 DESC, 1, 2"
        )
        for one, other, twins, amounts in pairs:
            rarer = min(lines[one], lines[other])
            if twins < FEWEST_TWINS or amounts < FEWEST_AMOUNTS or twins < TWIN_SHARE * rarer:
                continue
            yield _booked_twice(seen, one, other, int(twins), rarer, every)
            return
    finally:
        engine.drop("_patterned")


def _booked_twice(seen: Seen, one: str, other: str, twins: int, rarer: int, every: int) -> Finding:
    sample = f" (of every {every}th account)" if every > 1 else ""
    samples = [
        seen.rows(f"SELECT min(order_id) FROM _patterned WHERE pattern = {literal(p)}")[0][0]
        for p in (one, other)
    ]
    is_other = _PATTERN + f" = {literal(other)}"
    return seen.warning(
        f"{twins:,} of {rarer:,} lines{sample} are booked twice, under ids such as "
        f"'{samples[0]}' and '{samples[1]}': order and invoice?",
        "order_id",
        twins,
        seen.examples(
            f"{is_other} AND amount_cents > 0",
            "concat(account_id, ' ', order_id, ' ', amount_cents / 100.0)",
        ),
        seen.mapping("keep one of them", {}, _where_not(seen, other, samples[1])),
    )


def _where_not(seen: Seen, pattern: str, sample: str) -> str:
    """A condition on the source's column that leaves out ids of a pattern."""
    column = seen.source_column("order_id")
    if " digits from " in pattern:
        digits, _, first = pattern.partition(" digits from ")
        return f"NOT regexp_full_match({column}, '0*{first}[0-9]{{{int(digits) - 1}}}')"
    letters = sample[: next((i for i, c in enumerate(sample) if c.isdigit()), len(sample))]
    if letters:
        return f"NOT starts_with({column}, {literal(letters)})"
    return f"regexp_replace({column}, '[0-9]+', '0', 'g') <> {literal(pattern)}"


def credit_and_rebooking(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """Credit notes of a whole earlier order, with an order of the same amount on the same day.

    Where goods are returned and ordered all the time this happens by chance. So they are few in a
    hundred credit notes, of amounts that the account has no other order of, or many of them all.
    """
    seen = tables.get("orders")
    if seen is None or not seen.has("account_id", "order_id", "amount") or seen.has("order_kind"):
        return
    document = (
        "SELECT account_id, order_id, CAST(min(occurred_at) AS DATE) AS day, "
        "sum(amount_cents) AS cents FROM orders {} WHERE NOT deleted GROUP BY account_id, order_id"
    )
    engine = seen.engine
    of_returns = "SELECT DISTINCT account_id, order_id FROM orders WHERE amount_cents < 0"
    try:
        engine.make(
            "_credits",
            document.format(f"SEMI JOIN ({of_returns}) USING (account_id, order_id)")
            + " HAVING sum(amount_cents) < 0",
        )
        credits = engine.rows("SELECT count(*) FROM _credits")[0][0]
        on_the_day = (
            "SEMI JOIN _credits credit ON credit.account_id = orders.account_id "
            "AND credit.day = CAST(orders.occurred_at AS DATE)"
        )
        engine.make(
            "_rebooked",
            "SELECT credit.account_id, credit.day, new.cents, credit.order_id AS credit, "
            f"new.order_id AS new FROM _credits credit JOIN ({document.format(on_the_day)}) new "
            "ON new.account_id = credit.account_id AND new.day = credit.day "
            "AND new.cents = -credit.cents",
        )
        same = document.format("SEMI JOIN _rebooked USING (account_id)")
        found = engine.rows(
            f"SELECT credit, new, count(*) = 2 FROM _rebooked JOIN ({same}) other "
            "USING (account_id, cents) GROUP BY ALL "
            "HAVING count(*) FILTER (other.day < _rebooked.day "
            f"AND other.day >= _rebooked.day - {_REBOOKED_DAYS}) > 0 ORDER BY ALL"
        )
    finally:
        engine.drop("_credits", "_rebooked")
    if len(found) < USUAL_SHARE * credits:
        found = [each for each in found if each[2]]  # the first invoice and the new one alone
    if not found or len(found) < REBOOKED_SHARE * credits:
        return
    ids = sorted({order for credit, new, _ in found[:5] for order in (credit, new)})
    listed = ", ".join(map(literal, ids))
    more = "" if len(found) <= 5 else " and so on"
    yield seen.warning(
        f"{counted(len(found), 'credit note')} with a new order of the same amount on the same "
        "day: an invoice that was booked again counts as an order and a return",
        "order_id",
        len(found),
        seen.examples(
            f"order_id IN ({listed})",
            "concat(account_id, ' ', order_id, ' ', amount_cents / 100.0)",
        ),
        seen.mapping(
            f"if nothing was ordered and returned, leave both out{more}",
            {},
            f"{seen.source_column('order_id')} NOT IN ({listed})",
        ),
    )
