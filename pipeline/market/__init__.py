"""A simulated market with known truth: who leaves, when and why (see docs/simulated-market.md)."""

from pipeline.market.simulation import simulate

__all__ = ["simulate"]
