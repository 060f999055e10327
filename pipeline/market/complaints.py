"""Complaints as the service desk records them, stage by stage, each with the time we knew of it.

A case that was reopened and solved again has a second version of its row, known from then on, in
which `resolved_at` is the second solution.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.market.arrays import Flags, Ints
from pipeline.market.calendar import NEVER, NO_STAMP, Calendar
from pipeline.market.catalogue import Catalogue
from pipeline.market.chance import Streams
from pipeline.market.customers import Customers
from pipeline.market.files import COMPLAINTS, labels, stamps, table
from pipeline.market.late import known
from pipeline.market.life import Lives
from pipeline.market.service import CATEGORIES, SEVERITIES

_UNIFORM = 5


def complaint_rows(
    customers: Customers,
    lives: Lives,
    first_product: Ints,
    catalogue: Catalogue,
    streams: Streams,
    calendar: Calendar,
) -> pa.Table:
    """The `complaints` of these accounts; first_product is (accounts, orders)."""
    service = lives.service
    account, order = np.nonzero(service.opened[:, : lives.placed.shape[1]] != NEVER)
    u = streams.uniform_rows(np.bincount(account, minlength=len(customers)), _UNIFORM)
    opened = calendar.happened(service.opened[account, order] * 7)
    opened_known = known(calendar, opened, u[:, 0])
    # A stage is recorded on a case that is recorded up to the stage before.
    stages = (service.answered, service.solved, service.reopened, service.solved_again)
    before, told = opened_known, []
    for column, stage in enumerate(stages, start=1):
        occurred = calendar.happened(stage[account, order] * 7)
        stage_known = np.maximum(known(calendar, occurred, u[:, column]), before)
        told.append((np.where(stage_known == NO_STAMP, NO_STAMP, occurred), stage_known))
        before = stage_known
    (answered, answered_known), (solved, solved_known), (reopened, reopened_known) = told[:3]
    again, again_known = told[3]
    ids = customers.ids

    def version(kept: Flags, row_known: Ints, resolved: Ints, resolved_known: Ints) -> pa.Table:
        pairs = zip(account[kept].tolist(), order[kept].tolist(), strict=True)
        return table(
            COMPLAINTS,
            complaint_id=[f"{ids[a]}-K{o + 1:04d}" for a, o in pairs],
            account_id=labels(ids, account[kept]),
            opened_at=stamps(opened[kept]),
            known_at=stamps(row_known[kept]),
            first_response_at=stamps(answered[kept]),
            first_response_known_at=stamps(answered_known[kept]),
            resolved_at=stamps(resolved[kept]),
            resolved_known_at=stamps(resolved_known[kept]),
            reopened_at=stamps(reopened[kept]),
            reopened_known_at=stamps(reopened_known[kept]),
            due_at=stamps(calendar.office_hours(service.due[account, order][kept] * 7)),
            severity=labels(SEVERITIES, service.severity[account, order][kept]),
            category=labels(CATEGORIES, service.category[account, order][kept]),
            product_id=labels(catalogue.product_ids, first_product[account, order][kept]),
        )

    recorded = calendar.within(opened) & (opened_known != NO_STAMP)
    again_known = calendar.until_end(np.maximum(again_known, reopened_known + 1))
    twice = recorded & (again_known != NO_STAMP)
    return pa.concat_tables(
        [
            version(recorded, opened_known, solved, solved_known),
            version(twice, again_known, again, again_known),
        ]
    )
