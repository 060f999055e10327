"""Order lines and returns of the orders that were placed.

As the commitment fails, orders become smaller and narrower: fewer lines, fewer products, less of
each. Some goods come back; a return is a line of its own with a negative amount.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.market import wear
from pipeline.market.arrays import Floats, Ints, at_most
from pipeline.market.calendar import NEVER, NO_STAMP, Calendar
from pipeline.market.catalogue import CATEGORIES, Catalogue, category_of
from pipeline.market.chance import Streams, position
from pipeline.market.customers import ASSORTMENT, Customers
from pipeline.market.files import ORDERS, labels, money, stamps, table
from pipeline.market.late import known
from pipeline.market.life import Lives
from pipeline.market.worlds import World

RETURNED = 0.03  # of the lines
LINE_IDS = [str(line) for line in range(1, 100)]
_UNIFORM, _NORMAL = 6, 2


@dataclass(frozen=True)
class OrderLines:
    """rows: the `orders` table. first_product: (accounts, orders), of the order's first line."""

    rows: pa.Table
    first_product: Ints


def order_lines(
    customers: Customers,
    lives: Lives,
    catalogue: Catalogue,
    streams: Streams,
    calendar: Calendar,
    world: World,
) -> OrderLines:
    """Fills the orders of these accounts with lines, in the order of account and time."""
    account, order = np.nonzero(lives.placed != NEVER)
    commitment = world.in_orders(lives.commitment_then[account, order])
    given = 0.35 + 0.65 * wear.willing(commitment)
    orders_of = np.bincount(account, minlength=len(customers))
    how_many = 1 + streams.poisson_rows(orders_of, customers.lines[account] * given)
    how_many = at_most(how_many, len(LINE_IDS))
    line = position(how_many)
    account, order = np.repeat(account, how_many), np.repeat(order, how_many)
    given = np.repeat(given, how_many)
    lines_of = np.bincount(account, minlength=len(customers))
    u, z = streams.uniform_rows(lines_of, _UNIFORM), streams.normal_rows(lines_of, _NORMAL)

    liked = np.ceil(customers.assortment_size[account] * given)
    product = customers.assortment[account, at_most(liked * u[:, 0] ** 1.6, ASSORTMENT - 1)]
    first_product = np.zeros(lives.placed.shape, dtype=np.int64)
    first_product[account[line == 0], order[line == 0]] = product[line == 0]

    orders_a_year = 365 / customers.gap_days[account]
    usual_line = customers.yearly_revenue[account] / orders_a_year / (1 + customers.lines[account])
    wanted = usual_line * given * np.exp(0.7 * z[:, 0] - 0.245)
    price = catalogue.price_cents[product] * (1 - customers.discount[account])
    quantity = np.maximum(1, np.round(wanted * 100 / price))
    margin_share = catalogue.margin_share[product] - customers.discount[account] / 2
    amount = np.round(quantity * price)

    occurred = calendar.happened(lives.placed[account, order] * 7)
    delivered = lives.service.delivered[account, order] * 7
    back = u[:, 1] < RETURNED
    returned = calendar.happened(np.where(back, delivered + 2 + 24 * u[:, 3], NEVER))
    taken_back = np.where(u[:, 2] < 0.5, quantity, np.ceil(quantity * u[:, 2]))
    nothing = np.full(len(account), NO_STAMP)

    sales = _Lines(
        account, order, line, product, occurred,
        known(calendar, occurred, u[:, 4]), quantity, amount, margin_share,
        calendar.office_hours(lives.service.promised[account, order] * 7),
        calendar.happened(delivered),
    )  # fmt: skip
    returns = _Lines(
        account, order, line, product, returned,
        known(calendar, returned, u[:, 5]), -taken_back, -np.round(taken_back * price),
        margin_share, nothing, nothing,
    )  # fmt: skip
    parts = [
        part.rows(mark, customers, catalogue, calendar)
        for part, mark in ((sales, ""), (returns, "R"))
    ]
    return OrderLines(pa.concat_tables(parts), first_product)


@dataclass(frozen=True)
class _Lines:
    """Columns of lines before they are written."""

    account: Ints
    order: Ints
    line: Ints
    product: Ints
    occurred: Ints
    known: Ints
    quantity: Floats
    amount: Floats  # cents
    margin_share: Floats
    promised: Ints
    delivered: Ints

    def rows(
        self, mark: str, customers: Customers, catalogue: Catalogue, calendar: Calendar
    ) -> pa.Table:
        kept = calendar.within(self.occurred) & (self.known != NO_STAMP)
        ids = customers.ids
        account, order = self.account[kept], self.order[kept]
        cents = self.amount[kept].astype(np.int64)
        margin = np.round(cents * self.margin_share[kept]).astype(np.int64)
        pairs = zip(account.tolist(), order.tolist(), strict=True)
        return table(
            ORDERS,
            account_id=labels(ids, account),
            order_id=[f"{ids[a]}-{mark}{o + 1:04d}" for a, o in pairs],
            line_id=labels(LINE_IDS, self.line[kept]),
            occurred_at=stamps(self.occurred[kept]),
            known_at=stamps(self.known[kept]),
            product_id=labels(catalogue.product_ids, self.product[kept]),
            category=labels(CATEGORIES, category_of(self.product[kept])),
            quantity=self.quantity[kept].astype(np.int64),
            amount=money(cents),
            margin=money(margin),
            currency=labels(("EUR",), np.zeros(len(cents), dtype=np.int64)),
            promised_at=stamps(self.promised[kept]),
            delivered_at=stamps(self.delivered[kept]),
        )
