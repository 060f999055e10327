"""What is said to people about a risk: groups of features, and the sentences that state them.

A group is features of one family that say one thing. Its phrases are tried in order: the first
whose numbers are all known for the account, and whose conditions hold, is the sentence. To change
a text or to translate it, change it here; nothing else needs to know.

In a phrase, braces hold the account's own numbers: `{orders_count}` is the feature of that stem in
the window spoken of, `{orders_count 365}` in that of 365 days, `{orders_count before}` what lay in
as many days before the window; `unit` behind it adds the noun or the currency (`74 days`,
`1 day`). `{window}` is the window's length in days, `{key_contact_role}` a word. Conditions compare
a feature with a number.
"""

from __future__ import annotations

from dataclasses import dataclass

WORDS = ("key_contact_role",)  # of the main contact, where touches have roles

OTHER = "other_"  # before a family's name: the group of what is in no other group


@dataclass(frozen=True)
class Phrase:
    """A sentence about one account, and the conditions under which it says something."""

    text: str
    only_if: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Features of a family, by their stems, that say one thing to a customer.

    if_lowering: phrases that are tried first where the group lowers the risk.
    """

    name: str
    family: str
    says: str
    stems: tuple[str, ...]
    phrases: tuple[Phrase, ...] = ()
    if_lowering: tuple[Phrase, ...] = ()


def _phrase(text: str, *only_if: str) -> Phrase:
    return Phrase(text, only_if)


_WITH_ROLE = (" ({key_contact_role})", "")  # the role first, if it is known


GROUPS = (
    Group(
        "silence",
        "order_history",
        "silent beyond its own rhythm",
        (
            "days_since_last_order",
            "silence_over_usual_gap",
            "silence_over_expected_gap",
            "next_order_lateness",
        ),
        (
            _phrase(
                "no order for {days_since_last_order unit}; usually one every "
                "{usual_order_gap unit}",
                "silence_over_usual_gap > 1",
            ),
            _phrase("no order for {days_since_last_order unit}", "days_since_last_order > 7"),
        ),
        if_lowering=(_phrase("last order {days_since_last_order unit} ago"),),
    ),
    Group(
        "fewer_orders",
        "order_history",
        "orders less often than before, or than others",
        (
            "orders_count",
            "order_days_count",
            "order_lines_count",
            "orders_change",
            "orders_change_on_last_year",
        ),
        (
            _phrase(
                "orders in {window} days: {orders_count before}, then {orders_count}",
                "orders_change < 0",
            ),
            _phrase(
                "orders in {window} days: {orders_count}, fewer than a year before",
                "orders_change_on_last_year < 0",
            ),
            _phrase("orders in {window} days: {orders_count}"),
        ),
    ),
    Group(
        "uneven_orders",
        "order_history",
        "orders at long or uneven intervals",
        (
            "usual_order_gap",
            "order_gap_mean",
            "order_gap_variation",
            "last_order_gap",
            "last_order_gap_over_usual",
            "expected_order_gap",
        ),
        (
            _phrase(
                "the last two orders lie {last_order_gap unit} apart; usual are "
                "{usual_order_gap unit}",
                "last_order_gap_over_usual > 1.2",
            ),
            _phrase(
                "orders come unevenly; usually {usual_order_gap unit} apart",
                "order_gap_variation > 0.5",
            ),
            _phrase("orders usually {usual_order_gap unit} apart"),
        ),
    ),
    Group(
        "falling_spend",
        "order_history",
        "spends less than before, or than others",
        (
            "spend",
            "margin",
            "order_value_mean",
            "spend_change",
            "spend_change_on_last_year",
            "margin_tier",
            "spend_tier",
        ),
        (
            _phrase(
                "spend in {window} days: {spend before}, then {spend unit}", "spend_change < 0"
            ),
            _phrase(
                "spend in {window} days: {spend unit}, less than a year before",
                "spend_change_on_last_year < 0",
            ),
            _phrase("spend in {window} days: {spend unit}"),
        ),
    ),
    Group(
        "thin_margin",
        "order_history",
        "leaves little margin",
        ("margin_share", "margin_returned_share"),
        (_phrase("margin of {margin_share} on the orders of {window} days"),),
    ),
    Group(
        "narrower_assortment",
        "order_history",
        "orders a narrower assortment",
        (
            "products_count",
            "products_lapsed",
            "categories_count",
            "categories_lapsed",
            "category_concentration",
        ),
        (
            _phrase(
                "{products_lapsed} of the last year's {products_count 365 unit} not ordered for "
                "{window} days",
                "products_lapsed > 0",
            ),
            _phrase(
                "{categories_lapsed} of the last year's {categories_count 365 unit} not ordered "
                "for {window} days",
                "categories_lapsed > 0",
            ),
            _phrase("{products_count unit} ordered in {window} days"),
            _phrase("{categories_count unit} ordered in {window} days"),
        ),
    ),
    Group(
        "one_large_order",
        "order_history",
        "bought in bulk once",
        ("largest_order_share",),
        (_phrase("one order makes up {largest_order_share} of the spend of {window} days"),),
    ),
    Group(
        "returns",
        "order_history",
        "sends goods back",
        ("return_lines_count", "returns_share", "days_since_last_return"),
        (
            _phrase(
                "{returns_share} of the value ordered in {window} days was returned",
                "returns_share > 0.005",
            ),
            _phrase(
                "{return_lines_count unit} returned in {window} days", "return_lines_count > 0"
            ),
            _phrase("last return {days_since_last_return unit} ago"),
        ),
    ),
    Group(
        "price_rises",
        "order_history",
        "pays more for the same products",
        ("price_change",),
        (
            _phrase(
                "prices of products bought again rose by {price_change} in {window} days",
                "price_change > 0.005",
            ),
        ),
    ),
    Group(
        "late_deliveries",
        "order_history",
        "is delivered late",
        ("late_deliveries_share", "delivery_delay_mean", "deliveries_overdue"),
        (
            _phrase("{deliveries_overdue unit} overdue for delivery", "deliveries_overdue > 0"),
            _phrase(
                "{late_deliveries_share} of the lines promised for the last {window} days came "
                "late",
                "late_deliveries_share > 0.005",
            ),
            _phrase(
                "deliveries of {window} days {delivery_delay_mean unit} late on average",
                "delivery_delay_mean > 0.5",
            ),
        ),
    ),
    Group(
        "young_account",
        "order_history",
        "a customer for a short time",
        ("days_since_first_order", "order_days_ever"),
        (
            _phrase(
                "a customer for {days_since_first_order unit}, with orders on "
                "{order_days_ever unit}"
            ),
        ),
    ),
    Group(
        "contact_silence",
        "contact_breadth",
        "nobody has spoken to it for long",
        ("days_since_last_touch", "silence_over_usual_touch_gap"),
        (
            _phrase(
                "no touch for {days_since_last_touch unit}; usually one every "
                "{usual_touch_gap unit}",
                "silence_over_usual_touch_gap > 1",
            ),
            _phrase("no touch for {days_since_last_touch unit}", "days_since_last_touch > 7"),
        ),
        if_lowering=(_phrase("last touch {days_since_last_touch unit} ago"),),
    ),
    Group(
        "fewer_touches",
        "contact_breadth",
        "is spoken to less often than before, or than others",
        (
            "touches_count",
            "touches_change",
            "touches_per_order",
            "usual_touch_gap",
            "touch_gap_variation",
        ),
        (
            _phrase(
                "touches in {window} days: {touches_count before}, then {touches_count}",
                "touches_change < 0",
            ),
            _phrase("touches in {window} days: {touches_count}"),
        ),
    ),
    Group(
        "one_contact",
        "contact_breadth",
        "one contact carries the relationship",
        (
            "contacts_count",
            "contacts_new",
            "contacts_effective",
            "busiest_contact_share",
            "dyads_count",
        ),
        (
            *(
                _phrase(
                    f"one contact{who} accounts for {{busiest_contact_share 365}} of the year's "
                    "touches, and has been silent for {days_since_key_contact unit}",
                    "busiest_contact_share 365 > 0.5",
                    "days_since_key_contact > 30",
                )
                for who in _WITH_ROLE
            ),
            _phrase(
                "one contact accounts for {busiest_contact_share} of the touches in {window} days",
                "busiest_contact_share > 0.5",
            ),
            _phrase("{contacts_count unit} spoken to in {window} days"),
        ),
    ),
    Group(
        "contacts_lost",
        "contact_breadth",
        "contacts have dropped away",
        ("contacts_lapsed", "contacts_change", "dyads_lapsed"),
        (
            _phrase(
                "{contacts_lapsed} of the last year's {contacts_count 365 unit} not spoken to for "
                "{window} days",
                "contacts_lapsed > 0",
            ),
            _phrase(
                "{contacts_count unit} spoken to in {window} days, fewer than before",
                "contacts_change < 0",
            ),
        ),
    ),
    Group(
        "key_contact_silent",
        "contact_breadth",
        "the main contact has fallen silent",
        ("days_since_key_contact", "key_contact_silence_over_gap"),
        tuple(
            _phrase(f"main contact{who} silent for {{days_since_key_contact unit}}")
            for who in _WITH_ROLE
        ),
    ),
    Group(
        "role_silent",
        "contact_breadth",
        "a role or department has fallen silent",
        ("roles_count", "roles_lapsed", "departments_count", "departments_lapsed"),
        (
            _phrase(
                "{roles_lapsed} of the last year's {roles_count 365 unit} not spoken to for "
                "{window} days",
                "roles_lapsed > 0",
            ),
            _phrase(
                "{departments_lapsed} of the last year's {departments_count 365 unit} not spoken "
                "to for {window} days",
                "departments_lapsed > 0",
            ),
            _phrase("{departments_count unit} spoken to in {window} days"),
            _phrase("{roles_count unit} spoken to in {window} days"),
        ),
    ),
    Group(
        "no_management",
        "contact_breadth",
        "no contact at management level",
        ("seniority_levels_count", "seniority_levels_lapsed", "days_since_last_senior_touch"),
        (
            _phrase("last touch with a manager {days_since_last_senior_touch unit} ago"),
            _phrase(
                "levels of seniority not spoken to for {window} days: {seniority_levels_lapsed}",
                "seniority_levels_lapsed > 0",
            ),
            _phrase("levels of seniority spoken to in {window} days: {seniority_levels_count}"),
        ),
    ),
    Group(
        "rep_left",
        "contact_breadth",
        "a representative of ours has left",
        ("departed_reps_share",),
        (
            _phrase(
                "{departed_reps_share} of the touches in {window} days were with a representative "
                "who has left us",
                "departed_reps_share > 0.005",
            ),
        ),
    ),
    Group(
        "rep_changed",
        "contact_breadth",
        "the representative has changed",
        ("reps_lapsed", "handovers_count", "days_since_last_handover"),
        (
            _phrase(
                "a new representative since {days_since_last_handover unit}",
                "days_since_last_handover < 365",
            ),
            _phrase(
                "{reps_lapsed} of the last year's {reps_count 365 unit} of ours without a touch "
                "for {window} days",
                "reps_lapsed > 0",
            ),
        ),
    ),
    Group(
        "one_rep",
        "contact_breadth",
        "one representative carries the relationship",
        ("reps_count", "busiest_rep_share"),
        (
            _phrase(
                "one representative of ours has {busiest_rep_share} of the touches in {window} days"
            ),
            _phrase("{reps_count unit} of ours in touch in {window} days"),
        ),
    ),
    Group(
        "one_sided",
        "contact_breadth",
        "seldom turns to us itself",
        ("account_initiated_share",),
        (_phrase("the account began {account_initiated_share} of the touches in {window} days"),),
    ),
    Group(
        "complaint_open",
        "complaint_latency",
        "a complaint lies open",
        (
            "complaints_unresolved",
            "oldest_unresolved_days",
            "unresolved_days_total",
            "unresolved_days_by_severity",
            "complaints_overdue",
        ),
        (
            _phrase(  # one complaint in a year, so the mean is that of this one
                "complaint open for {oldest_unresolved_days unit}, first answer after "
                "{first_response_days 365 unit}",
                "complaints_count 365 = 1",
                "oldest_unresolved_days < 365",
                "complaints_unanswered = 0",
                "first_response_days 365 < 30",
            ),
            _phrase(
                "{complaints_unresolved unit} open or reopened, one never settled for "
                "{oldest_unresolved_days unit}",
                "complaints_unresolved > 1",
            ),
            _phrase("complaint open for {oldest_unresolved_days unit}"),
            _phrase("{complaints_unresolved unit} reopened", "complaints_unresolved > 0"),
        ),
    ),
    Group(
        "complaint_unanswered",
        "complaint_latency",
        "a complaint has no answer yet",
        ("complaints_unanswered", "oldest_unanswered_days"),
        (_phrase("complaint without an answer for {oldest_unanswered_days unit}"),),
    ),
    Group(
        "slow_answer",
        "complaint_latency",
        "waited long for the first answer to a complaint",
        ("first_response_days",),
        (
            _phrase(
                "complaints of {window} days: first answer after {first_response_days unit} on "
                "average",
                "complaints_unanswered = 0",
                "first_response_days < 30",
            ),
            _phrase(  # one that has none yet counts with the days that it has waited, 30 at most
                "complaints of {window} days: {first_response_days unit} or more until the first "
                "answer, on average"
            ),
        ),
    ),
    Group(
        "slow_resolution",
        "complaint_latency",
        "waits long until a complaint is settled",
        ("resolution_days", "resolved_late_share", "resolved_slowly_share"),
        (
            _phrase(
                "{resolved_late_share} of the complaints of {window} days settled after the "
                "promised time, or overdue",
                "resolved_late_share > 0.005",
            ),
            _phrase(
                "complaints of {window} days: settled after {resolution_days unit} on average",
                "complaints_unresolved = 0",
            ),
            _phrase(
                "complaints of {window} days: {resolution_days unit} or more until they are "
                "settled, on average"
            ),
        ),
    ),
    Group(
        "repeated_complaints",
        "complaint_latency",
        "complains of the same again",
        ("complaints_repeated", "complaints_reopened", "reopened_share"),
        (
            _phrase(
                "{complaints_repeated} of {complaints_count unit} in {window} days of a kind "
                "complained of before",
                "complaints_repeated > 0",
            ),
            _phrase(
                "{complaints_reopened unit} reopened in {window} days", "complaints_reopened > 0"
            ),
            _phrase(
                "{reopened_share} of the settled complaints of {window} days opened again",
                "reopened_share > 0.005",
            ),
        ),
    ),
    Group(
        "complaints",
        "complaint_latency",
        "complains often, gravely or lately",
        (
            "complaints_count",
            "complaints_per_order",
            "complaints_change",
            "severe_complaints_count",
            "days_since_last_complaint",
            "days_since_last_resolution",
        ),
        (
            _phrase(
                "{complaints_count unit} in {window} days, {severe_complaints_count} of them grave",
                "severe_complaints_count > 0",
            ),
            _phrase(
                "complaints in {window} days: {complaints_count before}, then {complaints_count}",
                "complaints_change > 0",
            ),
            _phrase("{complaints_count unit} in {window} days", "complaints_count > 0"),
            _phrase("last complaint {days_since_last_complaint unit} ago"),
        ),
    ),
    Group(
        "orders_after_complaint",
        "complaint_latency",
        "orders less since a complaint",
        ("order_days_change_after_complaint",),
        (
            _phrase(
                "orders less often since its last complaint, {days_since_last_complaint unit} ago",
                "order_days_change_after_complaint < 0",
            ),
        ),
    ),
    Group(
        f"{OTHER}contact_breadth",
        "contact_breadth",
        "how long we have known each other",
        ("days_since_first_touch",),
        (_phrase("first touch {days_since_first_touch unit} ago"),),
    ),
)
"""Every feature of our families belongs to one of these; what does not, and what a user's own
family adds, to `other_<family>`, stated by the feature's own sentence."""
