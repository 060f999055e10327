"""Laws of the kinds of orders: what they leave alone, and that they know no future."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from drawn import DAY_0
from kinds import Source, table_rows

from features.contract import ORDER_KINDS, ORDERS
from pipeline.config.form import OrderConfig
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.sources.order_kinds import settle_kinds
from pipeline.sources.versions import cut, mark_superseded

FIRST = datetime.combine(DAY_0, datetime.min.time())
WORLDS, DAYS = 300, 10
MAPPED = frozenset(ORDERS.names)
Line = dict[str, object]


def drawn_lines(seed: int) -> list[dict[str, str]]:
    """Lines of all sorts as a source has them: versions, withdrawn lines, returns, promises."""
    rng = random.Random(seed)
    lines = []
    for number in range(60):
        at = FIRST + timedelta(hours=rng.randrange(2000))
        line = {
            "account_id": rng.choice("ABC"),
            "order_id": f"o{number // 2}",
            "line_id": str(number),
            "occurred_at": str(at),
            "known_at": str(at + timedelta(hours=rng.randrange(200))),
            "amount": str(rng.choice([10, 10, 25, 0, -10])),
            "margin": str(rng.choice([3, -1, ""])),
            "promised_at": str(at + timedelta(days=9)) if rng.random() < 0.5 else "",
            "deleted": "false",
        }
        lines.append(line)
        if rng.random() < 0.2:
            later = str(at + timedelta(days=30))
            lines.append(line | {"known_at": later, "deleted": rng.choice(["true", "false"])})
    return lines


@pytest.mark.parametrize("kind", ["order", "Order ", ""])
def test_where_every_line_is_an_order_the_kinds_change_nothing(tmp_path: Path, kind: str) -> None:
    """The same table, bit for bit, the same columns and the same findings."""
    lines = drawn_lines(1)
    plain = Source(tmp_path, lines)
    with plain.engine:
        expected = plain.load(), table_rows(plain.engine), plain.engine.rows("DESCRIBE orders")
    marked = Source(tmp_path, [line | {"order_kind": kind} for line in lines])
    with marked.engine:
        found = marked.load(), table_rows(marked.engine), marked.engine.rows("DESCRIBE orders")
    assert found[1:] == expected[1:]
    assert found[0].provided() == expected[0].provided()
    assert found[0].report.findings == expected[0].report.findings


def settling_lines(seed: int, kinds: tuple[str, ...]) -> list[Line]:
    """Lines of many small worlds in which all rules meet: few days, amounts and ids, versions."""
    rng = random.Random(seed)
    lines: list[Line] = []
    for world in range(WORLDS):
        for number in range(rng.randrange(2, 7)):
            kind, at = rng.choice(kinds), rng.randrange(4)
            amount = rng.choice([100, 100, 200])
            line: Line = {
                "account_id": f"w{world}",
                "order_id": f"w{world} {rng.choice('ab')}",
                "line_id": str(number),
                "occurred_at": FIRST + timedelta(days=at),
                "known_at": FIRST + timedelta(days=at + rng.randrange(3), hours=number),
                "amount_cents": -amount if kind in ("credit", "return") else amount,
                "promised_at": FIRST + timedelta(days=rng.randrange(DAYS)),
                "order_kind": kind,
                "cancelled_at": FIRST + timedelta(days=rng.randrange(DAYS))
                if rng.random() < 0.1
                else None,
                "deleted": False,
            }
            lines.append(line)
            for later in range(rng.choice([0, 0, 1, 2])):
                now = kind if rng.random() < 0.8 else rng.choice(kinds)
                amount = rng.choice([100, 200])
                changed = {
                    "known_at": FIRST + timedelta(days=6 + later, hours=number),
                    "deleted": rng.random() < 0.3,
                    "amount_cents": -amount if now in ("credit", "return") else amount,
                    "order_kind": now,
                }
                lines.append(line | changed)
    return lines


def settle(engine: DuckDBEngine, lines: list[Line], **choices: str) -> None:
    """Put the lines into the engine as orders, and settle their kinds."""
    names = {**ORDERS.stored(), "order_kind": "VARCHAR", "cancelled_at": "TIMESTAMP"}
    engine.register("drawn", pa.table({name: [line.get(name) for line in lines] for name in names}))
    typed = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in names.items())
    engine.make("orders", f"SELECT {typed} FROM drawn")
    mark_superseded(engine, "orders", ORDERS.key)
    settle_kinds(engine, MAPPED, "drawn", OrderConfig.model_validate(choices))


def seen(engine: DuckDBEngine, moment: datetime, what: str) -> list[tuple[object, ...]]:
    """What a moment sees of the orders, sorted."""
    at = f"TIMESTAMP '{moment}'"
    return engine.rows(
        f"SELECT {what} FROM orders WHERE NOT deleted AND occurred_at < {at} AND known_at < {at} "
        f"AND (superseded_at IS NULL OR superseded_at >= {at}) GROUP BY ALL ORDER BY ALL"
    )


LINES = "account_id, order_id, line_id, occurred_at, amount_cents, count(*)"


@pytest.mark.parametrize(
    "choices",
    [{}, {"invoices": "never", "call_offs_at": "promised_at"}],
)
def test_what_is_known_later_changes_nothing_before(choices: dict[str, str]) -> None:
    """At each snapshot the lines known until then give what all lines give, and so does a cut."""
    lines = settling_lines(1, ORDER_KINDS)
    moments = [FIRST + timedelta(days=number) for number in range(1, DAYS)]
    with DuckDBEngine(threads=1) as engine:
        settle(engine, lines, **choices)
        whole = [seen(engine, moment, LINES) for moment in moments]
        for moment, expected in reversed(list(zip(moments, whole, strict=True))):
            cut(engine, ORDERS, moment)
            assert seen(engine, moment, LINES) == expected
        for moment, expected in zip(moments, whole, strict=True):
            known = [line for line in lines if line["known_at"] < moment]
            settle(engine, known, **choices)
            assert seen(engine, moment, LINES) == expected
    assert len({str(rows) for rows in whole}) == len(moments)


def test_what_cancels_out_leaves_the_money_as_it_is() -> None:
    """A credit goes together with an invoice: at every moment the sum of an account is the same."""
    lines = settling_lines(2, ("invoice", "credit"))
    lines = [line | {"cancelled_at": None} for line in lines]
    alone = [line | {"order_kind": None} for line in lines]
    moments = [FIRST + timedelta(days=number) for number in range(1, DAYS)]
    what = "account_id, sum(amount_cents)"
    with DuckDBEngine(threads=1) as engine:
        settle(engine, alone)
        expected = [seen(engine, moment, what) for moment in moments]
        expected_lines = sum(len(seen(engine, moment, LINES)) for moment in moments)
        settle(engine, lines)
        found = [seen(engine, moment, what) for moment in moments]
        found_lines = sum(len(seen(engine, moment, LINES)) for moment in moments)
    worth = [{(account, cents) for account, cents in rows if cents} for rows in expected]
    assert [{(a, cents) for a, cents in rows if cents} for rows in found] == worth
    assert found_lines < expected_lines - WORLDS
