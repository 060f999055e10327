"""The canonical source tables: what each column holds, in which unit, and how it misleads.

Start here to map your own data. A config maps files onto these tables; loading turns every column
into its kind below, so that features never meet a raw file. All times are wall time in the
config's `timezone`, to the second. Ids are text, always: `00123` and `NA` are names, not numbers.
Money is held in integer cents, so that sums do not depend on their order.

Two clocks run through every table: when something happened, and when our systems first knew it
(`known_at`). A table may hold several versions of a key, one per `known_at`; a version counts
from its `known_at` until the next one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a column's values are once loaded, whatever the file called them."""

    ID = "id"  # text, compared as it is written
    TEXT = "text"
    TIME = "time"  # wall time to the second
    MONEY = "money"  # integer cents, in a column named `<name>_cents`
    NUMBER = "number"  # decimal with six places, so that its sums are exact
    FLAG = "flag"  # true or false


SQL_TYPES = {
    Kind.ID: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.TIME: "TIMESTAMP",
    Kind.MONEY: "BIGINT",
    Kind.NUMBER: "DECIMAL(18,6)",
    Kind.FLAG: "BOOLEAN",
}

UNDATED = datetime(1900, 1, 1)
"""The `known_at` of a row that carries no stamp at all: known from the start."""


@dataclass(frozen=True)
class Column:
    """One column as a source provides it.

    required: the source must have it and no row may leave it empty. unit: empty where there is
    none. stored: whether the loaded table keeps it. allowed: the only texts that a row may hold;
    empty where there is no such list. words: the only texts that mean anything, capitals aside;
    another is counted, and taken as missing. settles: says what becomes of the row while it is
    loaded; not stored.
    """

    name: str
    kind: Kind
    means: str
    misleads: str = ""
    unit: str = ""
    required: bool = False
    stored: bool = True
    allowed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    settles: bool = False

    @property
    def stored_name(self) -> str:
        """The column's name in the loaded table."""
        return f"{self.name}_cents" if self.kind is Kind.MONEY else self.name


@dataclass(frozen=True)
class Stage:
    """Something that happens to a row after its beginning, at most once per version.

    occurred: the column that says when. known: the column that says when we knew; None where the
    sources never say, and the stage is taken as known when it happens. recorded: the loaded flag
    that is false where an empty stamp means "not recorded" and not "not yet"; None where that
    cannot be told apart.
    """

    occurred: str
    known: str | None = None
    recorded: str | None = None


@dataclass(frozen=True)
class Table:
    """One canonical table.

    key: the columns that name a row across its versions; empty where rows have no name. It
    holds only when all of them are mapped. occurred: when the row's event happened; what
    `known_at` is taken as where it is missing. minimum_rows: fewer than these are refused.
    by_hand: people write a row when there is something to say, so days without one are no sign of
    a stale source; and no feature is made of what we did ourselves.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    occurred: str | None = None
    stages: tuple[Stage, ...] = ()
    minimum_rows: int = 1
    by_hand: bool = False

    def column(self, name: str) -> Column:
        """The column of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a source may map."""
        return tuple(column.name for column in self.columns)

    @property
    def events(self) -> bool:
        """Whether every row is something that happened at a time, and the next is soon to come."""
        dated = self.occurred is not None and self.column(self.occurred).required
        return dated and not self.by_hand

    def key_of(self, mapped: frozenset[str]) -> tuple[str, ...]:
        """The key, given the columns that a source maps; empty where a part of it is missing."""
        return self.key if mapped.issuperset(self.key) else ()

    def stored(self) -> dict[str, str]:
        """The loaded table's columns and their SQL types, in order."""
        return {
            **{c.stored_name: SQL_TYPES[c.kind] for c in self.columns if c.stored and c != DELETED},
            **{stage.recorded: "BOOLEAN" for stage in self.stages if stage.recorded},
            DELETED.name: SQL_TYPES[DELETED.kind],
            "superseded_at": SQL_TYPES[Kind.TIME],
        }


ID, TEXT, TIME, MONEY, NUMBER, FLAG = Kind

DELETED = Column(
    "deleted",
    FLAG,
    "this version withdraws the key: nothing of it counts from its known_at on",
    "a source that removes rows instead of flagging them rewrites the past",
)
ACCOUNT_ID = Column(
    "account_id",
    ID,
    "the customer company",
    "numbers lose leading zeros in spreadsheets, and become 12.0 where a row has none",
    required=True,
)


def _known_at(misleads: str, *, required: bool = False) -> Column:
    return Column(
        "known_at",
        TIME,
        "when our systems first held this version",
        misleads,
        "wall time",
        required,
    )


ORDER_KINDS = (
    "order",
    "call_off",
    "invoice",
    "return",
    "credit",
    "bonus",
    "renewal",
    "sample",
    "cancelled",
)
"""What a line of the orders can be; docs/orders.md says what each of them counts as."""

ORDERS = Table(
    name="orders",
    grain="one order line; a return or credit note is a line with a negative amount",
    key=("order_id", "line_id"),
    occurred="occurred_at",
    stages=(Stage("delivered_at"),),
    columns=(
        ACCOUNT_ID,
        Column(
            "order_id",
            ID,
            "the order, invoice or credit note that the line belongs to",
            "some systems start again at 1 every year",
            required=True,
        ),
        Column(
            "line_id",
            ID,
            "the line within its order; with it, a line can have versions",
            "a position that moves when a line is deleted names another line afterwards",
        ),
        Column(
            "occurred_at",
            TIME,
            "when the account ordered",
            "often the invoice date, days later; returns may carry the original order's date",
            "wall time",
            required=True,
        ),
        _known_at("a nightly load stamps everything alike; a migration stamps years of rows alike"),
        Column(
            "amount",
            MONEY,
            "net sales value of the line, negative for returns",
            "gross in some systems, and free goods are zero",
            "currency",
            required=True,
        ),
        Column(
            "margin",
            MONEY,
            "what the line leaves after the cost of goods",
            "recomputed later at today's cost",
            "currency",
        ),
        Column("product_id", ID, "the product", "postage and fees have codes too"),
        Column("category", TEXT, "the product's group", "regrouped later, for the past as well"),
        Column("quantity", NUMBER, "how many", "pieces and cartons mixed", "sales units"),
        Column(
            "currency", TEXT, "the money's currency", "several need `rates`; else they are refused"
        ),
        Column(
            "promised_at", TIME, "delivery promised for", "overwritten when it slips", "wall time"
        ),
        Column(
            "delivered_at",
            TIME,
            "when it was delivered",
            "often the day of the paperwork",
            "wall time",
        ),
        Column(
            "order_kind",
            TEXT,
            "what the line is; empty: an order, or a return where its amount is negative",
            "the system's own document types; `orders.kinds` says what they are",
            stored=False,
            allowed=ORDER_KINDS,
            settles=True,
        ),
        Column(
            "cancelled_at",
            TIME,
            "when we knew that the line was cancelled; empty: it was not",
            "a status that is overwritten says that, but not when",
            "wall time",
            stored=False,
            settles=True,
        ),
        DELETED,
    ),
)

TOUCHES = Table(
    name="touches",
    grain="one interaction between a contact at the account and a representative of ours",
    occurred="occurred_at",
    columns=(
        ACCOUNT_ID,
        Column(
            "contact_id",
            ID,
            "the person at the account",
            "shared mailboxes are one contact; one person with two cards is two",
            required=True,
        ),
        Column(
            "rep_id",
            ID,
            "the person of ours",
            "the system's own user, for automatic mails",
            required=True,
        ),
        Column(
            "occurred_at",
            TIME,
            "when they met, spoke or wrote",
            "typed in on Fridays for the whole week",
            "wall time",
            required=True,
        ),
        _known_at("back-filled by a migration"),
        Column("role", TEXT, "the contact's role then", "today's role, overwritten in place"),
        Column("department", TEXT, "the contact's department then", "as for role"),
        Column("seniority", TEXT, "the contact's seniority then", "as for role"),
        Column("channel", TEXT, "visit, call, mail, ...", "visits are logged, calls are not"),
        Column("initiated_by", TEXT, "who began: account or us", "defaults to us"),
        DELETED,
    ),
)

COMPLAINTS = Table(
    name="complaints",
    grain="one complaint that the account opened",
    key=("complaint_id",),
    occurred="opened_at",
    stages=(
        Stage("first_response_at", "first_response_known_at", "first_response_recorded"),
        Stage("resolved_at", "resolved_known_at", "resolved_recorded"),
        Stage("reopened_at", "reopened_known_at", "reopened_recorded"),
    ),
    columns=(
        Column("complaint_id", ID, "the case", "a reopened case may get a new id", required=True),
        ACCOUNT_ID,
        Column(
            "opened_at",
            TIME,
            "when the account complained",
            "when somebody entered it",
            "wall time",
            required=True,
        ),
        _known_at("the last change to the case, in many ticket systems"),
        Column(
            "first_response_at",
            TIME,
            "when somebody first answered; empty: not yet",
            "an automatic receipt is not an answer",
            "wall time",
        ),
        Column("first_response_known_at", TIME, "when we knew of the answer", unit="wall time"),
        Column(
            "resolved_at",
            TIME,
            "when it was resolved; empty: not yet",
            "cleared on reopening, closed by a timer",
            "wall time",
        ),
        Column("resolved_known_at", TIME, "when we knew of the resolution", unit="wall time"),
        Column(
            "reopened_at",
            TIME,
            "when it was opened again; empty: not yet",
            "only the last reopening is kept",
            "wall time",
        ),
        Column("reopened_known_at", TIME, "when we knew of the reopening", unit="wall time"),
        Column("due_at", TIME, "the answer promised for", "moved when it slips", "wall time"),
        Column(
            "severity",
            TEXT,
            "how grave it was judged",
            "graded again after the fact",
            words=("low", "medium", "high", "critical"),
        ),
        Column("category", TEXT, "what it was about", "graded again after the fact"),
        Column("product_id", ID, "the product complained about"),
        Column(
            "stages_recorded",
            FLAG,
            "false where this row's stages were never recorded: unknown, not zero",
            "empty counts as true",
            stored=False,
        ),
        DELETED,
    ),
)

ACCOUNTS = Table(
    name="accounts",
    grain="one version of an account's master data",
    key=("account_id",),
    occurred="opened_on",
    columns=(
        ACCOUNT_ID,
        Column("name", TEXT, "what people call it", "a person's name, for small customers"),
        Column("segment", TEXT, "our grouping of customers", "today's, not then's"),
        Column("region", TEXT, "where it is", "the invoice address"),
        Column(
            "opened_on", TIME, "when it became a customer", "the day of a migration", "wall time"
        ),
        Column("owner_id", ID, "the representative in charge", "today's, not then's"),
        Column("parent_id", ID, "the account it belongs to", "today's, not then's"),
        _known_at("missing in most systems; then these facts are for display, not for features"),
        DELETED,
    ),
)

REPS = Table(
    name="reps",
    grain="one version of a representative of ours",
    key=("rep_id",),
    occurred="left_on",
    columns=(
        Column("rep_id", ID, "the person of ours", "ids are given again", required=True),
        Column("left_on", TIME, "the last day with us; empty: still here", unit="wall time"),
        _known_at("notice is known months before the last day"),
        DELETED,
    ),
)

ACCOUNT_MERGES = Table(
    name="account_merges",
    grain="one account that became part of another",
    key=("from_id",),
    minimum_rows=0,
    columns=(
        Column("from_id", ID, "the account that ends", required=True),
        Column("into_id", ID, "the account that goes on", required=True),
        _known_at("applied to all history at once by many systems", required=True),
        DELETED,
    ),
)

CAUSES = (
    "price",
    "product",
    "service",
    "complaint",
    "contact_left",
    "rep_left",
    "promise",
    "customer_shrank",
    "customer_sold",
    "customer_integrated",
    "unknown",
)
"""Why an account was leaving, as far as whoever spoke to it could tell."""

OUTCOMES = Table(
    name="outcomes",
    grain="one action of ours on an account, and what came of it",
    occurred="date",
    minimum_rows=0,
    by_hand=True,
    columns=(
        ACCOUNT_ID,
        Column("as_of", TIME, "the snapshot of the list that it followed; empty: none", unit="day"),
        Column(
            "action",
            TEXT,
            "what was done: a play, a call, a visit",
            "one play under several names is counted as several",
            required=True,
        ),
        Column(
            "date",
            TIME,
            "the day on which it was done",
            "the day on which it was typed in, or planned",
            "wall time",
            required=True,
        ),
        Column("result", TEXT, "what came of it", "filled in when the account orders, else not"),
        Column("by", TEXT, "who did it", "today's owner, not who called"),
        Column(
            "cause",
            TEXT,
            "why the account was leaving",
            "price is what customers say first",
            allowed=CAUSES,
        ),
        _known_at("a back-filled list stamps everything alike"),
    ),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (ORDERS, TOUCHES, COMPLAINTS, ACCOUNTS, REPS, ACCOUNT_MERGES, OUTCOMES)
}
"""The canonical tables by name, in the order in which they are read."""
