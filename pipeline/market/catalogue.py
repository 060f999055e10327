"""What the supplier sells: products in categories, with a list price and a margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.market.arrays import Floats, Ints
from pipeline.market.chance import Whose, stream

CATEGORIES = (
    "fasteners", "seals", "bearings", "hydraulics",
    "tools", "safety", "lubricants", "packaging",
)  # fmt: skip
PRODUCTS_PER_CATEGORY = 40


@dataclass(frozen=True)
class Catalogue:
    """Arrays over products; product p belongs to category p // PRODUCTS_PER_CATEGORY."""

    product_ids: list[str]
    price_cents: Ints
    margin_share: Floats

    @classmethod
    def of(cls, seed: int) -> Catalogue:
        """The catalogue of the market with this seed."""
        rng = stream(seed, Whose.CATALOGUE)
        count = len(CATEGORIES) * PRODUCTS_PER_CATEGORY
        price = np.exp(np.log(900) + 1.0 * rng.standard_normal(count))
        by_category = np.repeat(rng.uniform(0.24, 0.42, len(CATEGORIES)), PRODUCTS_PER_CATEGORY)
        return cls(
            product_ids=[f"P{p:04d}" for p in range(1, count + 1)],
            price_cents=np.maximum(50, price.round()).astype(np.int64),
            margin_share=np.clip(by_category + 0.04 * rng.standard_normal(count), 0.1, 0.6),
        )


def category_of(product: Ints) -> Ints:
    """The category's number of each product."""
    return product // PRODUCTS_PER_CATEGORY
