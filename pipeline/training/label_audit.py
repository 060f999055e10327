"""The label audit: who defects, who comes back, and whether other definitions would agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from features.expressions import DAYS_PER_YEAR, SECONDS_PER_DAY
from features.order_history import order_lines
from features.values import First
from pipeline.config.form import LabelConfig
from pipeline.engines import Engine
from pipeline.tables.expected_orders import ExpectedOrders, expected_orders
from pipeline.tables.future.departures import NEITHER, departure_labels, silent_after
from pipeline.tables.label_definitions import (
    DEFINITIONS,
    DepartureLabel,
    Label,
    QueriedLabel,
    label_of,
)
from pipeline.tables.labels import make_labels, make_later_values
from pipeline.tables.snapshots import Maturity
from pipeline.tables.tiers import TIERS

RETURN_DAYS = (30, 90, 180, 365)

_ROWS = "audited"


@dataclass(frozen=True)
class Group:
    """Accounts of a snapshot, all (tier "all") or of a tier; defected: their share, None of none.

    as_of None: all snapshots together.
    """

    as_of: date | None
    tier: str
    accounts: int
    defected: float | None


@dataclass(frozen=True)
class Return:
    """Of the defectors for whom so many days more are known, the share that ordered in them.

    days: from the day on which an account was watched no longer.
    """

    days: int
    defectors: int
    share: float | None


@dataclass(frozen=True)
class Agreement:
    """How far two definitions say the same of the rows at which both are mature.

    share: of rows with the same answer. kappa: how much of what chance would not explain; None
    where one of them says the same of everybody. Source: J. Cohen, A coefficient of agreement for
    nominal scales, 1960.
    """

    one: str
    other: str
    rows: int
    share: float | None
    kappa: float | None


@dataclass(frozen=True)
class LabelAudit:
    """What is to be known of a label before a model that learns it is believed."""

    says: str
    definitions: Mapping[str, str]
    groups: tuple[Group, ...]
    returns: tuple[Return, ...]
    agreements: tuple[Agreement, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "label": self.says,
            "definitions": dict(self.definitions),
            "base_rates": [asdict(g) | {"as_of": g.as_of and str(g.as_of)} for g in self.groups],
            "returns": [asdict(found) for found in self.returns],
            "agreements": [asdict(found) for found in self.agreements],
        }

    def line(self) -> str:
        """The audit in a line for the terminal."""
        overall = {g.tier: _percent(g.defected) for g in self.groups if g.as_of is None}
        by_tier = ", ".join(f"{tier} {overall[tier]}" for tier in TIERS)
        again = [f"{_percent(r.share)} within {r.days}" for r in self.returns if r.defectors]
        back = f"; of them order again: {', '.join(again)} days" if again else ""
        return f"Label audit: {overall['all']} defected ({by_tier}){back}"


def audit_labels(
    engine: Engine,
    chosen: LabelConfig,
    rows: pd.DataFrame,
    complete_until: datetime,
) -> LabelAudit:
    """Look at the rows of a training table: account_id, as_of, tier, stands_for.

    stands_for: how many accounts of its snapshot a row stands for. complete_until: of the orders;
    what would be known only later is left aside, and counted.
    """
    frame = rows[["account_id", "as_of"]].reset_index(drop=True)
    facts = rows.set_index(["as_of", "account_id"])[["tier", "stands_for"]]
    as_ofs = [day.date() for day in pd.to_datetime(frame["as_of"]).unique()]
    engine.register(_ROWS, frame.assign(as_of=pd.to_datetime(frame["as_of"]).dt.date))
    labels = _definitions(chosen)
    label = labels[chosen.definition]
    expected = expected_orders(engine, label.silence) if isinstance(label, DepartureLabel) else None
    answers = {
        name: found
        for name, one in labels.items()
        if (found := _labelled(engine, one, as_ofs, complete_until, expected)) is not None
    }
    answers = {name: found.join(facts) for name, found in answers.items()}
    own = answers[chosen.definition]
    audit = LabelAudit(
        label.says,
        {name: labels[name].says for name in answers},
        tuple(_groups(own)),
        tuple(_returns(engine, label, own, as_ofs, complete_until, expected)),
        tuple(_agreement(answers, one, other) for one, other in combinations(answers, 2)),
    )
    engine.drop(_ROWS)
    return audit


def _definitions(chosen: LabelConfig) -> dict[str, Label]:
    """The chosen definition, and the others over the same horizon where they have one."""
    found: dict[str, Label] = {chosen.definition: label_of(chosen)}
    for name in DEFINITIONS:
        if name == "departure":  # of active accounts only, which other cohorts do not single out
            continue
        written = chosen.model_dump(include={"reporting_lag_days", "partial_share", "silence"})
        if "own_cadence" not in (name, chosen.definition):
            written["horizon_days"] = chosen.horizon_days
        if name not in found and not (name == "partial" and chosen.horizon_days > DAYS_PER_YEAR):
            found[name] = label_of(LabelConfig.model_validate({"definition": name, **written}))
    return {name: found[name] for name in DEFINITIONS if name in found}


def _labelled(
    engine: Engine,
    label: Label,
    as_ofs: Sequence[date],
    complete_until: datetime,
    expected: ExpectedOrders | None,
) -> pd.DataFrame | None:
    """watched_days and defected by account_id and as_of, of mature snapshots; None without any.

    expected: for departure, which has outcome and departed_on instead of watched_days.
    """
    mature, _ = label.maturity.split(as_ofs, complete_until)
    if not mature:
        return None
    if isinstance(label, DepartureLabel):
        known = departure_labels(engine, label, mature, _ROWS, expected)
        return known.set_index(["as_of", "account_id"])[
            ["outcome", "departed_on", "defected"]
        ].sort_index()
    assert isinstance(label, QueriedLabel)
    make_labels(engine, "audited_labels", _ROWS, mature, label)
    found = _keyed(engine, "audited_labels", "watched_days, defected", mature)
    engine.drop("audited_labels")
    return found


def _keyed(engine: Engine, table: str, columns: str, as_ofs: Sequence[date]) -> pd.DataFrame:
    found = engine.frame(f"SELECT account_id, as_of, {columns} FROM {table}")
    found = found[pd.to_datetime(found["as_of"]).isin(pd.to_datetime(list(as_ofs)))]
    return found.set_index(["as_of", "account_id"]).sort_index()


def _groups(labels: pd.DataFrame) -> Iterator[Group]:
    parts: list[tuple[date | None, pd.DataFrame]] = [
        (pd.Timestamp(str(day)).date(), rows) for day, rows in labels.groupby(level="as_of")
    ]
    for as_of, rows in [*parts, (None, labels)]:
        for name in ("all", *TIERS):
            own = rows if name == "all" else rows[rows["tier"] == name]
            accounts = round(own["stands_for"].sum())
            yield Group(as_of, name, accounts, _share(own["defected"], own["stands_for"]))


def _returns(
    engine: Engine,
    label: Label,
    labels: pd.DataFrame,
    as_ofs: Sequence[date],
    complete_until: datetime,
    expected: ExpectedOrders | None,
) -> Iterator[Return]:
    lag = label.maturity.reporting_lag_days
    for days in RETURN_DAYS:
        until = Maturity(label.maturity.horizon_days + days, lag)
        known, _ = until.split(as_ofs, complete_until)
        if not known:
            yield Return(days, 0, None)
            continue
        if expected is not None:
            yield _return_after_patience(engine, expected, label.maturity, labels, known, days)
            continue
        assert isinstance(label, QueriedLabel)
        # Orders from the day on which the first account is watched no longer.
        after = First(order_lines, until.horizon_days - label.shortest_days + lag)
        length = until.horizon_days + lag
        make_later_values(engine, "returned", _ROWS, known, length, {"first_order_s": after})
        first = _keyed(engine, "returned", "first_order_s", known)
        engine.drop("returned")
        defectors = labels[labels["defected"] == 1].join(first, how="inner")
        began = pd.DatetimeIndex(defectors.index.get_level_values("as_of"))
        second = (began - pd.Timestamp(0)) / timedelta(days=1) * SECONDS_PER_DAY
        ends = second + (defectors["watched_days"] + days) * SECONDS_PER_DAY
        counted = defectors["stands_for"]
        again = defectors["first_order_s"] < ends
        yield Return(days, round(counted.sum()), _share(again, counted))


def _return_after_patience(
    engine: Engine,
    expected: ExpectedOrders,
    maturity: Maturity,
    labels: pd.DataFrame,
    known: Sequence[date],
    days: int,
) -> Return:
    """Of those that slipped or became due, who ordered so many days after their patience."""
    departed = labels[labels["outcome"] != NEITHER].reset_index()
    departed = departed[departed["as_of"].isin(pd.to_datetime(list(known)))]
    silent = silent_after(engine, expected, departed, known, maturity, days)
    counted = departed["stands_for"]
    return Return(days, round(counted.sum()), _share(pd.Series(~silent), counted))


def _agreement(answers: Mapping[str, pd.DataFrame], one: str, other: str) -> Agreement:
    both = answers[one].rename(columns={"defected": "one"})
    both = both.join(answers[other]["defected"].rename("other"), how="inner")
    left, right, counted = (both[name] for name in ("one", "other", "stands_for"))
    share, p, q = (_share(values, counted) for values in (left == right, left, right))
    if share is None or p is None or q is None:
        return Agreement(one, other, 0, None, None)
    chance = p * q + (1 - p) * (1 - q)
    kappa = (share - chance) / (1 - chance) if 0 < p < 1 and 0 < q < 1 else None
    return Agreement(one, other, round(counted.sum()), share, kappa)


def _share(values: pd.Series, stands_for: pd.Series) -> float | None:
    return float(np.average(values, weights=stands_for)) if len(values) else None


def markdown(audit: LabelAudit) -> str:
    """The audit to read."""
    lines = [
        "# Label audit",
        "",
        f"Defection is {audit.says}. Tiers by the value of the 365 days before each snapshot.",
        "",
        "## Base rates",
        "",
        "| snapshot | accounts | all | " + " | ".join(TIERS) + " |",
        "|---|---|---|" + "---|" * len(TIERS),
    ]
    of_snapshot: dict[date | None, dict[str, Group]] = {}
    for group in audit.groups:
        of_snapshot.setdefault(group.as_of, {})[group.tier] = group
    for as_of, by_tier in of_snapshot.items():
        shares = " | ".join(_percent(by_tier[tier].defected) for tier in ("all", *TIERS))
        lines.append(f"| {as_of or 'together'} | {by_tier['all'].accounts:,} | {shares} |")
    lines += [
        "",
        "## Who comes back",
        "",
        "Of the defectors, the share that ordered within so many days after they were watched; "
        "only those for whom that is known.",
        "",
        "| days | defectors | ordered again |",
        "|---|---|---|",
        *(f"| {r.days} | {r.defectors:,} | {_percent(r.share)} |" for r in audit.returns),
        "",
        "## Agreement between definitions",
        "",
        *(f"- {name}: {says}" for name, says in audit.definitions.items()),
        "",
        "| | | rows | same answer | kappa |",
        "|---|---|---|---|---|",
        *(
            f"| {a.one} | {a.other} | {a.rows:,} | {_percent(a.share)} "
            f"| {'none' if a.kappa is None else f'{a.kappa:.2f}'} |"
            for a in audit.agreements
        ),
    ]
    return "\n".join(lines) + "\n"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"
