"""What the model and every baseline have in common."""

from __future__ import annotations

from collections.abc import Callable

from models.dataset import Dataset, FloatArray

Recipe = Callable[[Dataset, FloatArray], FloatArray]
"""Learns from the training rows, then scores one snapshot: `(training, features) -> scores`.

features: float64 (m, p), all rows of the snapshot, columns as in `training.names`. Their labels
are not handed over. scores: float64 (m,), higher = more likely to defect.
"""
