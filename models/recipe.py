"""What the model and every baseline have in common."""

from __future__ import annotations

from collections.abc import Callable

from models.dataset import Cohort, Dataset, FloatArray

Scorer = Callable[[Cohort], FloatArray]
"""What has been learned, applied to one snapshot: `cohort -> scores`.

cohort: all accounts of the snapshot, n of them, or rows that stand for them; no labels. scores:
float64 (n,), higher = more likely to defect.
"""

Recipe = Callable[[Dataset, Cohort], Scorer]
"""Learns at a snapshot: `(training, cohort) -> scorer`.

training: rows whose label was complete by then, each with its weight. cohort: that of the snapshot;
the scorer is asked about it, and about those of later snapshots.
"""
