"""What each published column means: for headings, the spreadsheet, docs/outputs.md.

Types are those of `score_table.SCHEMA`; this is what a person needs to know besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

SHARE, MONEY, DAYS = "share, 0-1", "currency", "days"

SCHEMA_VERSION = 3
"""Of scores.parquet, in the manifest; raised when a column is removed, renamed or means another
thing, not when one is added."""


@dataclass(frozen=True)
class Column:
    """A published column.

    heading: for people. null_means: empty where it is never null. width: in characters of a
    spreadsheet's column.
    """

    name: str
    heading: str
    means: str
    unit: str = ""
    null_means: str = ""
    width: int = 11


_LEFT = "the account has left"  # a row without a rank; see list_status
_DEPARTED = "the account has departed or left"
_NO_INTERVAL = (
    "too few accounts are known to have stayed a whole year, or this one brought no gain in two "
    "years, or it has departed or left"
)
_OTHER_LABEL = "the label is not departure, or the account has left"


def _risk(days: int) -> Column:
    return Column(
        f"risk_{days}",
        f"Risk, {days} days",
        f"probability of no order within {days} days of the snapshot",
        SHARE,
        "the account has departed or left, or there is no model of this horizon: not asked for, or "
        "too little history; the manifest says which",
    )


def _reorder(days: int) -> Column:
    return Column(
        f"reorder_{days}",
        f"Orders again, {days} days",
        f"probability that a departed account orders again within {days} days of the snapshot "
        "without a call",
        SHARE,
        "the account has not departed, or has left, or too few departed accounts are known to "
        "learn from",
    )


def _reason(place: int) -> Iterator[Column]:
    yield Column(
        f"reason_{place}",
        f"Reason {place}",
        "why the model puts the risk where it is, with the account's own numbers",
        null_means="no further reason, or not on the call list",
        width=48,
    )
    yield Column(
        f"reason_family_{place}",
        f"Reason {place} from",
        "the feature family that the reason comes from",
        null_means="as for the reason",
        width=18,
    )


COLUMNS = {
    column.name: column
    for column in (
        Column(
            "rank",
            "Rank",
            "place among all accounts: active ones by call score, then departed ones by days since "
            "their patience ended (0-30, 31-60, more) and by value times reorder_180, or by value "
            "alone where that is empty",
            "",
            _LEFT,
            width=6,
        ),
        Column(
            "list",
            "List",
            "the list that the account is on: keep (it still orders), win_back (it has departed) "
            "or none",
            width=10,
        ),
        Column(
            "rank_in_list",
            "Place",
            "place on its list",
            "",
            "on no list",
            width=6,
        ),
        Column(
            "list_status",
            "On the list",
            "listed, or why not: beyond_capacity, without_profit, resting, listed_lately, "
            "held_out, delayed, one_off; or left: scored in the publication before, and no longer "
            "in the cohort",
            width=16,
        ),
        Column("account_id", "Account", "the customer company", width=13),
        Column("name", "Name", "what people call it", null_means="no source names it", width=30),
        Column(
            "owner_id",
            "Owner",
            "the representative in charge, as known at the snapshot",
            null_means="no source says",
            width=13,
        ),
        Column("as_of", "As of", "the snapshot: only what was known before this day counts"),
        Column(
            "horizon_days",
            "Horizon, days",
            "how long defection is watched for from the snapshot",
            DAYS,
        ),
        Column(
            "risk",
            "Risk",
            "probability of defection by the label of the config; for departure, departure_risk",
            SHARE,
            _DEPARTED,
        ),
        Column(
            "departure_risk",
            "Departure risk",
            "probability that the next order is expected within 90 days and never comes in time",
            SHARE,
            "the label is not departure or cannot be trained yet, or the account has departed",
        ),
        Column(
            "slip_chance",
            "Already gone",
            "probability that the account has stopped ordering already; 0 until an order is "
            "overdue",
            SHARE,
            "as for departure_risk",
        ),
        *map(_risk, (30, 90, 180)),
        *map(_reorder, (90, 180)),
        Column(
            "risk_band",
            "Risk band",
            "the risk in a word, by `scoring.bands` of the config",
            null_means=_DEPARTED,
        ),
        Column(
            "previous_risk",
            "Previous risk",
            "the risk in the publication before this one",
            SHARE,
            "the account was not in it, or there was none",
        ),
        Column(
            "change",
            "Change",
            "how the risk moved since the publication before this one",
            SHARE,
            "as for previous_risk",
        ),
        Column(
            "change_kind",
            "What changed",
            "new, up, down, same, unlisted (listed before) or left (out of the cohort), since then",
            null_means="there was no publication before",
        ),
        *(
            Column(
                f"change_by_{cause}",
                f"Change by {cause}",
                f"the part of the change that {means}",
                SHARE,
                "as for previous_risk, or not asked; the manifest says which",
            )
            for cause, means in (
                ("model", "another model makes of the features of then"),
                ("time", "the later date makes without anything new"),
                ("data", "is left: what became known since"),
            )
        ),
        Column(
            "value_at_stake",
            "Value at stake",
            "next year's margin expected if the account stays, less the same if it defects",
            MONEY,
            _LEFT,
            width=13,
        ),
        Column(
            "next_year_low",
            "Next year, low",
            "next year's margin (or revenue) if the account stays the whole year: 9 in 10 such "
            "accounts bring from this",
            MONEY,
            _NO_INTERVAL,
        ),
        Column(
            "next_year_high",
            "Next year, high",
            "to this",
            MONEY,
            "as for next_year_low",
        ),
        Column(
            "value_basis", "Value is", "what the value at stake is made of", "", _LEFT, width=18
        ),
        Column(
            "currency",
            "Currency",
            "of all money here (ISO 4217)",
            null_means="neither config nor orders say",
            width=9,
        ),
        Column("expected_loss", "Expected loss", "risk x value at stake", MONEY, _DEPARTED, 13),
        Column(
            "call_value",
            "Value of a call",
            "the value by which accounts are ranked; the manifest says which (`call_value`)",
            MONEY,
            _LEFT,
            13,
        ),
        Column(
            "call_score",
            "Call score",
            "what ranks active accounts: the value of a call times the chance that an account that "
            "has not stopped yet departs; for other labels times the risk",
            MONEY,
            _DEPARTED,
            13,
        ),
        Column(
            "tier",
            "Tier",
            "A: brings the first 80 % of last year's margin, or revenue, B: to 95 %, C: the rest",
            width=6,
        ),
        Column(
            "best_tier",
            "Best tier",
            "the best tier of the last two years: an account that leaves falls to C",
            null_means="the account has left, and the publication before did not say",
            width=6,
        ),
        Column(
            "key_account",
            "Key account",
            "whether it meets the config's criteria of a key account, met them in the last 12 "
            "months, or is named in the config; on a list it is a key account that is leaving",
        ),
        Column(
            "key_account_note",
            "Key account: why",
            "what makes it a key account, or why it only looks like one",
            null_means="it brings too little of the profit and of the revenue to be looked at",
            width=36,
        ),
        Column(
            "days_silent",
            "Days silent",
            "from the last order to the snapshot",
            DAYS,
            _LEFT,
            width=8,
        ),
        Column(
            "usual_gap",
            "Usual gap, days",
            "median of the days between neighbouring order days in the last 365 days",
            DAYS,
            "fewer than two order days in that time, or the account has left",
            width=8,
        ),
        Column(
            "due_on",
            "Order expected on",
            "the day on which the next order is expected",
            null_means=_OTHER_LABEL,
            width=12,
        ),
        Column(
            "days_past_due",
            "Days overdue",
            "from that day to the snapshot; below 0 before it",
            DAYS,
            _OTHER_LABEL,
            width=8,
        ),
        Column(
            "crossed_on",
            "Departed on",
            "the day on which patience ran out; from it on the account has departed",
            null_means="the account is active, or as for due_on",
            width=12,
        ),
        Column(
            "newly_departed",
            "Newly departed",
            "whether patience ran out since the list before",
            null_means="the account is active, or there is no list before",
            width=10,
        ),
        Column("last_order_at", "Last order", "when the last order was placed", "wall time"),
        Column(
            "last_touch_at",
            "Last touch",
            "when one of ours last had contact",
            "wall time",
            "no touch known, or the sources have none",
        ),
        *(column for place in (1, 2, 3) for column in _reason(place)),
        Column(
            "controllable",
            "Controllable",
            "whether the supplier can influence the reasons: yes, no or unclear",
            null_means="no reason, or not on the call list",
            width=13,
        ),
        Column(
            "play",
            "What to do",
            "the play that the playbook attaches to the first reason",
            null_means="no play fits, or not on the call list",
            width=48,
        ),
        Column(
            "play_owner",
            "Who does it",
            "sales, service, quality, logistics or management: who owns the play",
            null_means="as for play",
            width=13,
        ),
        Column(
            "effort",
            "Effort",
            "what keeping it or winning it back is worth, by best tier: maximum, high, low or "
            "none, or the config's words",
            null_means=_LEFT,
            width=16,
        ),
        Column(
            "thin_history",
            "Thin history",
            "whether fewer than three order days are known, too few for a rhythm",
            null_means=_LEFT,
        ),
        Column("model_version", "Model version", "the registered version that scored it", width=9),
    )
}
"""By name, in the order in which they are published."""


def described(schema: pa.Schema) -> list[Column]:
    """What is known of each column of a table; one that nobody described keeps its plain name."""
    return [
        COLUMNS.get(name, Column(name, name.replace("_", " ").capitalize(), "", width=14))
        for name in schema.names
    ]
