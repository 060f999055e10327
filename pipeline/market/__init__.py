"""A simulated market with known truth: who leaves, when and why (see docs/simulated-market.md)."""

from pipeline.market.simulate import simulate

__all__ = ["simulate"]
