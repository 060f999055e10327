"""A wide final query is split into batches of snapshots, so that its memory is bounded."""

from __future__ import annotations

import pytest

from features.compilation.plan import _batches


@pytest.mark.parametrize(
    ("snapshots", "sizes"),
    [(1, [1]), (6, [6]), (7, [6, 1]), (24, [6, 6, 6, 6]), (25, [7, 7, 7, 4]), (40, [10] * 4)],
)
def test_a_batch_has_six_snapshots_or_a_quarter_of_all(snapshots: int, sizes: list[int]) -> None:
    batches = list(_batches(snapshots))
    assert [len(batch) for batch in batches] == sizes
    assert [number for batch in batches for number in batch] == list(range(snapshots))
