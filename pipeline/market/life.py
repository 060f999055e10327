"""The weeks of the market, one after the other: the hidden bond, the orders, the leaving.

Each week the bond of every account heals a little, is worn by what happened, and wavers. The
commitment to buy follows the bond with a delay; orders follow the commitment. When the commitment
is gone the account leaves for good. Some leave for reasons outside the relationship.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.market import wear
from pipeline.market.arrays import Flags, Floats, Ints
from pipeline.market.calendar import NEVER, Calendar
from pipeline.market.chance import Streams, side_by_side
from pipeline.market.contacts import Contacts
from pipeline.market.customers import PAUSES, QUIET_A_WEEK, Customers, quiet_until
from pipeline.market.outlook import HORIZONS_DAYS, WEEKS_AHEAD, Moment, Now, Outlook
from pipeline.market.service import Service
from pipeline.market.supplier import Seats
from pipeline.market.worlds import World

HIGHEST_RATE = 1.7  # orders a week over the usual rate, at the height of a strong season


@dataclass(frozen=True)
class Lives:
    """What happened. Arrays are (accounts, weeks), (accounts,) or, for orders, (accounts, orders).

    bond, commitment: the hidden state at the beginning of the week. left: first week without the
    account, the number of weeks where it stays. because: a `Cause`, -1 where it stays.
    placed: when, in weeks since the origin, `NEVER` where no order. commitment_then: when placed.
    silent: the chance of no order within each of `HORIZONS_DAYS` from the beginning of each month,
    (accounts, months, horizons); 1 for who has left, NaN before the first order. leaves: the chance
    to leave within `LEAVES_DAYS` from then, (accounts, months); NaN when not trading.
    felt: share of a blow that is felt. offers: how strong competitors' offers are to the account.
    """

    bond: Floats
    commitment: Floats
    left: Ints
    because: Ints
    placed: Floats
    commitment_then: Floats
    silent: Floats
    leaves: Floats
    felt: Floats
    offers: Floats
    service: Service

    def trading(self, customers: Customers) -> Flags:
        """Weeks in which the account has opened and has not left."""
        week = np.arange(self.bond.shape[1])
        opened = week * 7 >= customers.opened[:, None]
        return opened & (week < self.left[:, None])


def live(
    customers: Customers,
    contacts: Contacts,
    seats: Seats,
    seat_of: Ints,
    late_share: Floats,
    slowness: Floats,
    outlook: Outlook,
    streams: Streams,
    calendar: Calendar,
    world: World,
) -> Lives:
    """Runs all weeks. late_share and slowness are (accounts, weeks)."""
    accounts, weeks = len(customers), calendar.weeks
    content_rate = _content_rate(customers, calendar)
    no_orders_until = quiet_until(streams.uniform(weeks) < QUIET_A_WEEK, streams.uniform(weeks))
    rate = np.where(np.arange(weeks) < no_orders_until, 0, content_rate[:, :weeks])
    most = 8 + np.ceil(HIGHEST_RATE * weeks * 7 / customers.gap_days).astype(np.int64)
    service = Service(customers, most, streams, weeks, world)
    clock_strikes = _clock_strikes(customers, most, streams)
    waver = wear.ORDINARY_NOISE * streams.normal(weeks)
    offers = wear.offers(streams, world.offers_per_year, weeks)
    tires = streams.uniform(weeks)
    outside = streams.uniform(weeks) < world.outside_per_year / 52
    which_outside = wear.Cause.CLOSURE + np.floor(3 * streams.uniform(1)[:, 0]).astype(np.int64)
    week_days = np.arange(weeks) * 7
    years = np.maximum(week_days - customers.opened[:, None], 0) / 365
    felt = wear.cushion(years, contacts.breadth)
    contact_blow = wear.CONTACT_LEFT * contacts.lost
    rep_blow = (
        wear.REPRESENTATIVE_LEFT * customers.rep_reliance[:, None] * seats.departures[seat_of]
    )

    # A new account begins with less than the bond that it may grow into.
    bond = customers.home - 0.3 * np.exp(-years[:, 0])
    commitment = bond.copy()
    bonds, commitments = np.empty((accounts, weeks)), np.empty((accounts, weeks))
    blame = np.zeros((accounts, wear.WORN))
    left = np.full(accounts, weeks, dtype=np.int64)
    because = np.full(accounts, -1, dtype=np.int64)
    clock = np.zeros(accounts)
    next_order = np.zeros(accounts, dtype=np.int64)
    placed = np.full((accounts, int(most.max()) + 1), NEVER)
    commitment_then = np.zeros_like(placed)
    moments = Moment.of_months(calendar)
    silent = np.full((accounts, len(calendar.months), len(HORIZONS_DAYS)), np.nan)
    leaves = np.full((accounts, len(calendar.months)), np.nan)

    for week in range(weeks):
        bonds[:, week], commitments[:, week] = bond, commitment
        here = (customers.opened <= week * 7) & (left == weeks)
        leaving = (tires[:, week] < world.breaks(commitment)) | outside[:, week]
        leaving &= here & (week * 7 >= calendar.start_day)
        left[leaving] = week
        worn_out = np.where(blame.max(axis=1) < 0.15, wear.Cause.DRIFTED_APART, blame.argmax(1))
        why = np.where(outside[:, week], which_outside, worn_out)
        because[leaving] = why[leaving]
        here &= ~leaving

        willing = wear.willing(world.in_orders(commitment))
        reached = clock + np.where(here, rate[:, week] * willing, 0)
        for moment in (*(moment for moment in moments if moment.week == week), None):
            now = clock + (moment.at - week) * (reached - clock) if moment else reached
            due = np.flatnonzero(clock_strikes[np.arange(accounts), next_order] <= now)
            while due.size:
                order = next_order[due]
                at = week + (clock_strikes[due, order] - clock[due]) / (reached - clock)[due]
                placed[due, order] = at
                commitment_then[due, order] = commitment[due]
                service.place(due, order, at, bond[due], late_share[due, week], slowness[due, week])
                next_order[due] += 1
                due = due[clock_strikes[due, next_order[due]] <= now[due]]
            if moment is None:
                continue
            if moment.of_leaving:  # an account that opens in the middle of the week is there, too
                rows = np.flatnonzero((customers.opened <= moment.at * 7) & (left == weeks))
            else:
                rows = np.flatnonzero(here & (next_order > 0))
            last = clock_strikes[rows, next_order[rows] - 1]
            state = Now(
                bond[rows],
                commitment[rows],
                now[rows] - np.where(next_order[rows] > 0, last, 0),
                no_orders_until[rows, week],
                service.wear_ahead(week, WEEKS_AHEAD)[rows],
                content_rate[rows, week : week + WEEKS_AHEAD],
                late_share[rows, week],
                slowness[rows, week],
            )
            if moment.of_leaving:
                leaves[rows, moment.month] = outlook.leaves(moment, rows, state)
            else:
                silent[left <= week, moment.month] = 1
                silent[rows, moment.month] = outlook.silent(moment, rows, state)
        clock = reached

        blows = np.stack(
            [
                *service.take(week),
                contact_blow[:, week],
                rep_blow[:, week],
                offers[:, week] * wear.offer_appeal(bond),
            ],
            axis=1,
        )
        blows *= np.where(here, felt[:, week], 0)[:, None] * world.weights
        blame = (1 - wear.HEALING_A_WEEK) * blame + blows
        heal = wear.HEALING_A_WEEK * (customers.home - bond)
        bond = np.where(here, bond + heal - blows.sum(axis=1) + waver[:, week], bond)
        commitment = commitment + wear.FOLLOWS_A_WEEK * (bond - commitment)

    return Lives(
        bonds, commitments, left, because, placed[:, :-1], commitment_then[:, :-1], silent, leaves,
        felt, offers * wear.offer_appeal(bonds), service,
    )  # fmt: skip


def _content_rate(customers: Customers, calendar: Calendar) -> Floats:
    """Orders a week of an account that is content: its rhythm in its season, 0 in its yearly pause.

    (accounts, weeks + WEEKS_AHEAD): the outlook reaches beyond the end.
    """
    middle = np.arange(calendar.weeks + WEEKS_AHEAD) * 7 + 3
    day_of_year = (middle + calendar.origin.timetuple().tm_yday) % 365.25
    turn = 2 * np.pi * (day_of_year - customers.season_peak[:, None]) / 365.25
    season = 1 + customers.season_swing[:, None] * np.cos(turn)
    rate = 7 / customers.gap_days[:, None] * season
    years, since = np.divmod(middle + calendar.origin.timetuple().tm_yday, 365.25)
    paused = np.zeros(rate.shape, dtype=np.bool_)
    for back in (-1, 0, 1):  # a pause may reach into the next year
        begin = customers.pause_from[:, (years + back).astype(np.int64) % PAUSES] + 365.25 * back
        paused |= (since >= begin) & (since < begin + customers.pause_days[:, None])
    return np.where(paused, 0, rate)


def _clock_strikes(customers: Customers, most: Ints, streams: Streams) -> Floats:
    """When orders fall due on each account's own clock, which runs one a usual gap.

    (accounts, orders + 1), never after an account's last. An account's clock is not at zero when
    the market opens, so the first strike comes after a part of a gap.
    """
    gaps = side_by_side(streams.gamma_rows(most, customers.regularity), most)
    gaps[:, 0] *= streams.uniform(1)[:, 0]
    strikes = np.cumsum(gaps, axis=1)
    strikes[np.arange(strikes.shape[1]) >= most[:, None]] = NEVER
    return np.pad(strikes, ((0, 0), (0, 1)), constant_values=NEVER)
