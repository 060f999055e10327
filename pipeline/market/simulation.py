"""The market from its seed to its files, a block of accounts at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.errors import UsageError
from pipeline.market import supplier
from pipeline.market.calendar import Calendar
from pipeline.market.catalogue import Catalogue
from pipeline.market.chance import Streams, Whose
from pipeline.market.complaints import complaint_rows
from pipeline.market.contacts import Contacts
from pipeline.market.customers import Customers
from pipeline.market.events import event_rows
from pipeline.market.files import Files
from pipeline.market.life import live
from pipeline.market.orders import order_lines
from pipeline.market.outlook import Outlook
from pipeline.market.people import account_rows, rep_rows
from pipeline.market.readme import readme
from pipeline.market.supplier import ACCOUNTS_PER_SEAT, SEATS_PER_TEAM, Seats
from pipeline.market.touches import touch_rows
from pipeline.market.truth import leaves_rows, truth_rows
from pipeline.market.worlds import World, world_of
from pipeline.processes import in_processes

MOST_ACCOUNTS, MOST_MONTHS = 900_000, 240
ACCOUNTS_PER_TEAM = ACCOUNTS_PER_SEAT * SEATS_PER_TEAM
BLOCK = 4 * ACCOUNTS_PER_TEAM  # whole teams, so that no representative belongs to two blocks


def simulate(
    folder: Path,
    *,
    accounts: int,
    months: int,
    seed: int,
    end: date = date(2026, 1, 1),
    world: str = "standard",
    effect: str = "usual",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Writes a simulated market into `folder`; returns the number of rows of each table.

    The history covers `months` months and ends before `end`: nothing that is written occurred or
    was known at or after its first second (UTC). Files: those of `files.TABLES`, all `.parquet`,
    and README.md; files of these names are replaced. The same arguments give the same bytes. An
    account lives the same life in a larger market with otherwise the same arguments.

    Parameters
    ----------
    world
        A name in `worlds.WORLDS`.
    effect
        A name in `worlds.EFFECTS`: how much of the usual wear events bring.
    progress
        Called with the blocks of accounts done and all of them, before the first and after each.

    Raises
    ------
    UsageError
        For a number out of range or an unknown name.
    CannotWrite
        If the folder cannot be written.
    """
    _check("accounts", accounts, 1, MOST_ACCOUNTS)
    _check("months", months, 1, MOST_MONTHS)
    _check("seed", seed, 0, 2**63 - 1)
    chosen = world_of(world, effect)
    if end.year < 1990:
        raise UsageError(f"end is {end}; choose a date from 1990-01-01 on")
    calendar = Calendar.of(months, end)
    catalogue = Catalogue.of(seed)
    late_share = supplier.late_share(seed, calendar.weeks)
    tell = progress or (lambda done, in_all: None)
    blocks = [range(first, min(first + BLOCK, accounts)) for first in range(0, accounts, BLOCK)]
    with Files(folder) as files:
        tell(0, len(blocks))
        calls = [(numbers, seed, calendar, catalogue, late_share, chosen) for numbers in blocks]
        for number, tables in enumerate(in_processes(_block, calls), start=1):
            for name, rows in tables.items():
                files.write(name, rows)
            tell(number, len(blocks))
        files.finish(readme(accounts, months, seed, calendar, chosen, effect, files.rows))
        return files.rows


def _block(
    numbers: range,
    seed: int,
    calendar: Calendar,
    catalogue: Catalogue,
    late_share: np.ndarray,
    world: World,
) -> dict[str, pa.Table]:
    """All tables of the accounts with these numbers and of the people who serve them."""
    weeks = calendar.weeks
    number = np.arange(numbers.start, numbers.stop)
    seats = range(numbers.start // ACCOUNTS_PER_SEAT, (numbers.stop - 1) // ACCOUNTS_PER_SEAT + 1)
    teams = range(numbers.start // ACCOUNTS_PER_TEAM, (numbers.stop - 1) // ACCOUNTS_PER_TEAM + 1)
    field = Seats.of(seed, Whose.SEAT, "R", seats, weeks)
    inside = Seats.of(seed, Whose.TEAM, "T", teams, weeks)
    seat_of = number // ACCOUNTS_PER_SEAT - seats.start
    team_of = number // ACCOUNTS_PER_TEAM - teams.start

    streams = Streams(seed, Whose.ACCOUNT, numbers)
    customers = Customers.of(numbers.start, streams, calendar, world)
    contacts = Contacts.of(customers, streams, weeks)
    lives = live(
        customers,
        contacts,
        field,
        seat_of,
        late_share[customers.region],
        supplier.desk_slowness(seed, teams, weeks)[team_of],
        Outlook(numbers, seed, customers, contacts, field, seat_of, world),
        streams,
        calendar,
        world,
    )
    lines = order_lines(customers, lives, catalogue, streams, calendar, world)
    served = (field, seat_of), (inside, team_of)
    reps = [rep_rows(seats, calendar) for seats in (field, inside)]
    tables = {
        "orders": lines.rows,
        "touches": touch_rows(customers, contacts, lives, *served, streams, calendar, world),
        "complaints": complaint_rows(
            customers, lives, lines.first_product, catalogue, streams, calendar
        ),
        "accounts": account_rows(customers, field, seat_of, calendar),
        "reps": pa.concat_tables(reps),
        "truth": truth_rows(customers, lives, calendar),
        "leaves_90": leaves_rows(customers, lives, calendar),
    }
    tables["truth_events"] = event_rows(
        customers, contacts, field, seat_of, lives, tables, calendar, world
    )
    return tables


def _check(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageError(f"{name} is {value}; choose a whole number from {least} to {most}")
