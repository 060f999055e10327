"""What a reader is told of a list as a whole."""

from __future__ import annotations

from datetime import date

from models.risk_model import RiskModel
from pipeline.config import Config
from pipeline.scoring.page import About
from pipeline.sources import Sources
from pipeline.tables.label_definitions import label_of

RETURN_DAYS = 180  # within which the share that orders again is told
ORDER_AGAIN, NOTE, SORTED_BY_SIZE = "order_again", "list_note", "sorted_by_size"
"""In a model's metadata: the share of departed accounts that order again, by days as text; what to
keep in mind about its lists, in a sentence; whether there is too little history for departure."""
BY_THEMSELVES, BY_VALUE_ALONE = "order_again_by_themselves", "win_back_by_value_alone"
"""The same: how many departed accounts order again without a call, and why the list to win back is
sorted by value alone, in a sentence each; empty where there is nothing to say."""


def about_list(
    config: Config, model: RiskModel, basis: str, sources: Sources, as_of: date, scored: int
) -> About:
    """Return what a reader is told; basis: margin or revenue. scored: accounts of the cohort."""
    return About(
        name=config.name,
        as_of=as_of,
        defection=label_of(config.label).says,
        bands=config.scoring.bands,
        absent=sources.absent,
        scored=scored,
        call_value=call_value(config, basis),
        ranked_by=_ranked_by(config),
        order_again=_order_again(model),
        win_back=_win_back(model),
        note=model.metadata.get(NOTE, ""),
    )


def call_value(config: Config, basis: str) -> str:
    """Return what the value of a call is, in words."""
    if config.ranking == "risk":
        return "the value at stake"
    return f"last year's {basis}; to win back, the {basis} of the year before the last order"


def _ranked_by(config: Config) -> str:
    if config.ranking == "risk":
        return "Risk times value at stake; the list is ranked by it."
    if config.ranking == "size":
        return "The value alone; the list is ranked by it."
    return (
        "The value times the chance that an account that has not stopped yet stops ordering; the "
        "list to keep is ranked by it."
    )


def _win_back(model: RiskModel) -> str:
    """What sorts the departed accounts of a band, and who of them orders again without a call."""
    alone = model.metadata.get(BY_VALUE_ALONE, "")
    learned = (
        "The list to win back is sorted by value times the chance that an account orders again "
        f"within {RETURN_DAYS} days."
    )
    said = (alone or (learned if model.reorders else ""), model.metadata.get(BY_THEMSELVES, ""))
    return " ".join(sentence for sentence in said if sentence)


def _order_again(model: RiskModel) -> str:
    share = model.metadata.get(ORDER_AGAIN, {}).get(str(RETURN_DAYS))
    if share is None:
        return ""
    return f"Of accounts that stopped, {share:.0%} ordered again within {RETURN_DAYS} days."
