"""What can be chosen about the model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSettings:
    """The choices of the gradient boosting and of its out-of-time scheme.

    There are no defaults here: those of the configuration are the only ones.

    trees: boosting rounds, at least 1.
    leaves: most leaves of one tree, at least 2.
    learning_rate: shrinkage of each tree, above 0.
    min_leaf_rows: fewest rows in a leaf. Rows of one account at neighbouring snapshots are nearly
        copies of each other, so this is far larger than for independent rows. On small histories
        a leaf never needs more than a tenth of the rows that a tree sees.
    feature_share, row_share: share of features and of rows that each tree sees, in (0, 1].
    l2: penalty on the squared leaf values, at least 0.
    seed: of every random choice, not negative.
    threads: of a fit, of ranks and of prediction, at least 1; the model does not depend on them.
    minimum_snapshots: snapshots with complete labels that a model needs to be fitted, at least 1.
    learn_from_treated: whether outcomes of accounts that were acted on are learned from.
    """

    trees: int
    leaves: int
    learning_rate: float
    min_leaf_rows: int
    feature_share: float
    row_share: float
    l2: float
    seed: int
    threads: int
    minimum_snapshots: int
    learn_from_treated: bool

    def __post_init__(self) -> None:
        """Refuse values outside their range (ValueError names the setting)."""
        least = {
            "trees": 1,
            "leaves": 2,
            "min_leaf_rows": 1,
            "l2": 0,
            "seed": 0,
            "threads": 1,
            "minimum_snapshots": 1,
        }
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {bound}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0")
        for name in ("feature_share", "row_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0, at most 1")
