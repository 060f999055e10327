"""What the model and every baseline have in common."""

from __future__ import annotations

from collections.abc import Callable

from models.dataset import Cohort, Dataset, FloatArray

Recipe = Callable[[Dataset, Cohort], FloatArray]
"""Learns from the training rows, then scores one snapshot: `(training, cohort) -> scores`.

cohort: all accounts of the snapshot, n of them, features as in `training.names`; no labels.
scores: float64 (n,), higher = more likely to defect.
"""
