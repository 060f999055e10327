"""Which role the main contact of an account has, for display: undated, it is no feature."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from features.contact_breadth import touches
from features.expressions import DAYS_PER_YEAR
from features.visibility import Calendar, dated
from pipeline.engines import Engine
from pipeline.tables.values_table import IDENTITY
from pipeline.wording import shortened

_WANTED = "accounts_with_contacts"


def main_contact_roles(engine: Engine, accounts: Sequence[str], as_of: date) -> dict[str, str]:
    """The role of each account's main contact, as its last touch with one says; by account_id.

    The main contact is that of `days_since_key_contact`: the one with the most touches in the last
    365 days; of several, the one touched last. An account without touches, or whose main contact's
    touches have no role, is left out.
    """
    if not accounts or not engine.has_table(touches.table):
        return {}
    carried = {"contact_id": "contact_id", "role": "role"}
    merged = engine.has_table(IDENTITY)
    seen = dated(touches, carried, Calendar((as_of,), ()), reach=DAYS_PER_YEAR, merged=merged)
    engine.register(_WANTED, pa.table({"account_id": pa.array(accounts, pa.string())}))
    try:
        rows = engine.rows(
            "SELECT seen.account_id, contact_id, role, COUNT(*) AS touched, MAX(occurred_s) AS "
            f"last_s FROM ({seen}) AS seen JOIN {_WANTED} ON {_WANTED}.account_id = "
            "seen.account_id WHERE contact_id IS NOT NULL "
            "GROUP BY seen.account_id, contact_id, role"
        )
    finally:
        engine.drop(_WANTED)
    contacts: dict[tuple[str, str], list[tuple[str | None, int, int]]] = {}
    for account, contact, role, touched, last in rows:
        contacts.setdefault((account, contact), []).append((role, int(touched), int(last)))
    main: dict[str, tuple[tuple[int, int], str]] = {}
    for (account, contact), parts in sorted(contacts.items(), reverse=True):
        place = (sum(touched for _, touched, _ in parts), max(last for *_, last in parts))
        # Of equal ones the smallest id, which comes last here.
        if account not in main or place >= main[account][0]:
            main[account] = (place, contact)
    found = {}
    for account, (_, contact) in main.items():
        known = [(last, role) for role, _, last in contacts[account, contact] if role]
        if known and (said := " ".join(max(known)[1].split())):
            found[account] = shortened(said)
    return found
