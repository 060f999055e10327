"""Why accounts have the risk that they have, in sentences with their own numbers.

What each feature adds to an account's log odds (`models.explanation`) is summed over the groups of
`pipeline.scoring.reason_texts`. A sum counts only features that are known for the account. See
docs/reasons.md for what a reason says and what it does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.dataset import FloatArray
from models.explanation import Explanation
from models.risk_model import RiskModel
from pipeline.config import Config
from pipeline.scoring.phrases import Numbers, filled, plain_sentence
from pipeline.scoring.reason_groups import Placed, placed_features
from pipeline.scoring.reason_texts import OTHER, Group, Phrase
from pipeline.tables.training_table import float_columns

MOST = 3
"""Reasons that are published of an account."""

SMALLEST = 0.05
"""What a group must add to the log odds to be a reason: it moves the odds by five per cent."""


@dataclass(frozen=True)
class Reason:
    """One group's part in an account's risk.

    adds: to the raw log odds; above 0 it raises the risk. at_median: by how much the log odds would
    change if the group's known features were the cohort's medians. text: the sentence with the
    account's own numbers; None where none of them makes one.
    """

    group: Group
    adds: float
    at_median: float
    text: str | None

    @property
    def direction(self) -> str:
        """`raises` or `lowers` the risk."""
        return "raises" if self.adds > 0 else "lowers"

    @property
    def stated(self) -> bool:
        """Whether it is said of the account: it raises the risk, and taking it away lowers it."""
        return self.text is not None and self.adds >= SMALLEST and self.at_median < 0


def stated(reasons: Sequence[Reason]) -> list[Reason]:
    """The at most three that are published, strongest first."""
    return [reason for reason in reasons if reason.stated][:MOST]


def explained(
    config: Config,
    model: RiskModel,
    cohort: pd.DataFrame,
    accounts: Sequence[str],
    currency: str | None,
    roles: Mapping[str, str],
) -> dict[str, list[Reason]]:
    """All groups' parts in the risks of some accounts, by account_id.

    cohort: account_id and the features of everybody scored, a row each. An account that is not
    among them has no risk, and is left out. roles: see `pipeline.scoring.main_contacts`.
    """
    row_of = {account: row for row, account in enumerate(cohort["account_id"])}
    accounts = [account for account in accounts if account in row_of]
    rows = [row_of[account] for account in accounts]
    told = model.explain(*float_columns(cohort), rows)
    placed = placed_features(config.feature_families, config.features.windows_days)
    known = cohort.iloc[rows]
    words = [
        {"key_contact_role": roles[account]} if account in roles else {} for account in accounts
    ]
    found = reasons_of(told, known, placed, currency, words)
    return dict(zip(accounts, found, strict=True))


def reasons_of(
    told: Explanation,
    known: pd.DataFrame,
    placed: Mapping[str, Placed],
    currency: str | None,
    words: Sequence[Mapping[str, str]],
) -> list[list[Reason]]:
    """All groups' parts in each account's risk, what raises it most first.

    told: of the accounts, in order. known: their features by name, a row each. words: see
    `pipeline.scoring.phrases.Numbers`, for each. Groups of whose features an account knows none are
    left out.
    """
    values = known[list(told.names)].to_numpy(dtype=np.float64)
    here = ~np.isnan(values)
    parts = np.where(here, told.contributions, 0.0)
    columns: dict[Group, list[int]] = {}
    for column, name in enumerate(told.names):
        columns.setdefault(placed[name].group, []).append(column)
    changes: dict[Group, FloatArray] = {}
    for group, members in columns.items():
        chosen = np.zeros_like(here)
        chosen[:, members] = here[:, members]
        changes[group] = told.change_at_median(chosen)
    units = {name: place.feature.unit for name, place in placed.items()}
    found = []
    for row, record in enumerate(known[[n for n in placed if n in known]].to_dict("records")):
        mine_by_name = {str(name): float(value) for name, value in record.items()}
        numbers = Numbers(mine_by_name, units, currency, words[row])
        reasons = []
        for group, members in columns.items():
            mine = [column for column in members if here[row, column]]
            if not mine:
                continue
            adds = math.fsum(parts[row, mine])
            against = parts[row] * (-1 if adds > 0 else 1)
            strongest = [placed[told.names[i]] for i in sorted(mine, key=against.__getitem__)]
            phrases = group.phrases if adds > 0 else group.if_lowering + group.phrases
            text = _sentence(group, phrases, strongest, numbers)
            reasons.append(Reason(group, adds, float(changes[group][row]), text))
        found.append(sorted(reasons, key=lambda reason: (-reason.adds, reason.group.name)))
    return found


def _sentence(
    group: Group, phrases: Sequence[Phrase], strongest: Sequence[Placed], numbers: Numbers
) -> str | None:
    """The group's sentence over the window that counts most; strongest: its features, in order."""
    windows = list(dict.fromkeys(place.window for place in strongest if place.window))
    text = filled(phrases, windows, numbers)
    if text is None and group.name.startswith(OTHER):
        feature = strongest[0].feature
        text = plain_sentence(feature, numbers.values[feature.name], numbers.currency)
    return text
