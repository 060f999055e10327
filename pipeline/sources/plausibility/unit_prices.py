"""Amounts that are the price of one unit, where the line has a quantity beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.config import Config
from pipeline.engines import literal
from pipeline.sources.findings import Finding
from pipeline.sources.plausibility.seen import Seen

_OF_ONE = re.compile(r"price|preis|prix|precio|prezzo|per.?unit|per.?piece|each", re.IGNORECASE)
_OF_ALL = re.compile(r"total|sum|gesamt|extended|ext\b|amount|betrag|net|gross", re.IGNORECASE)


def unit_prices(seen: Seen, _: Config) -> Iterator[Finding]:
    """Orders whose amount has the name of a price, while lines of more than one unit are there."""
    if seen.name != "orders" or not seen.has("amount", "quantity"):
        return
    names = {part.columns["amount"] for part in seen.staging.parts if "amount" in part.columns}
    named = sorted(name for name in names if _OF_ONE.search(name) and not _OF_ALL.search(name))
    several = "amount_cents <> 0 AND abs(quantity) <> 1"
    count = seen.rows(f"SELECT count(*) FROM orders WHERE {several}")[0][0]
    if not named or not count:
        return
    if seen.has("product_id") and _grows_with_quantity(seen):
        return
    number = _number(seen)
    lines = f"{number} * {number.replace('{}', seen.source_column('quantity'))}"
    yield seen.warning(
        f"'{named[0]}' has the name of a price of one unit, and is taken as the amount of the line",
        "amount",
        count,
        seen.examples(several, "concat(CAST(quantity AS DOUBLE), ' x ', amount_cents / 100.0)"),
        seen.mapping("if it is one, multiply", {"amount": lines}),
    )


def _grows_with_quantity(seen: Seen) -> bool:
    """Whether most products bought in several quantities have amounts to match."""
    told, alike = seen.rows(
        "SELECT count(*), count_if(amounts = 1) FROM ("
        "SELECT count(DISTINCT amount_cents) AS amounts FROM orders "
        "WHERE quantity > 0 AND product_id IS NOT NULL "
        "GROUP BY product_id HAVING count(DISTINCT quantity) > 1)"
    )[0]
    return bool(told and alike < told / 2)


def _number(seen: Seen) -> str:
    """SQL: the number that a text of the source stands for, {} being the text."""
    number, thousands = "{}", seen.source.thousands
    if thousands:
        number = f"replace({number}, {literal(thousands)}, '')"
    if seen.source.decimal == ",":
        number = f"replace({number}, ',', '.')"
    return f"TRY_CAST({number} AS DECIMAL(18, 4))"
