"""Laws of the kinds of orders: what they leave alone."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from drawn import DAY_0
from kinds import Source, table_rows

FIRST = datetime.combine(DAY_0, datetime.min.time())


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
