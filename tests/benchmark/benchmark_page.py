"""docs/benchmarks.md from the figures of a run."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

HEAD = """# Benchmarks

Written by `make bench`: the figures of the last run, not promises.

{on}, on {machine}. Other work on the machine makes figures worse, so compare ratios.

Events are generated: 36 months, accounts of very different sizes, 5 % of the order lines and
touches known late; 10 order lines per touch, 67 per complaint, 400 per account. The feature table
has 24 monthly snapshots, all families, the windows of 30, 90, 180 and 365 days. Two threads; the
events are in the engine's memory, or in pandas' frames, when the clock starts. Each measurement is
a process of its own.

The floor is one scan of the order lines with a group-by. The pandas idiom
(tests/benchmark/pandas_idiom.py) loops over snapshots and windows with filters and group-bys, for
the {subset} features that it can express; its numbers are checked to be ours.
"""


def page(result: dict[str, Any]) -> str:
    """The page; result: as `feature_table.main` gathers it."""
    sizes = {int(lines): measured for lines, measured in result["sizes"].items()}
    subset = next(iter(sizes.values()))["ours_on_pandas_features"]["features"]
    lines = [HEAD.format(**result, subset=subset)]
    lines += [
        "| order lines | table of | seconds | peak memory | over the floor |",
        "|---:|---|---:|---:|---:|",
    ]
    for count, measured in sizes.items():
        for name, what in (
            ("floor", "one scan and group-by (floor)"),
            ("ours", "all features, 24 snapshots"),
            ("in_8_shards", "all features, 24 snapshots, 8 shards"),
            ("one_snapshot", "all features, 1 snapshot"),
            ("ours_on_pandas_features", f"{subset} features, 24 snapshots"),
            ("pandas", f"{subset} features, 24 snapshots, pandas idiom"),
        ):
            lines.append(_row(count, what, measured[name], measured["floor"]["seconds"]))
    lines.append("")
    for count, measured in sizes.items():
        ours, other = measured["ours_on_pandas_features"], measured["pandas"]
        if other["seconds"] is None:
            times = other["limit"] / ours["seconds"]
            said = f"is not done after {other['limit']} s: more than {times:.1f}"
        else:
            said = f"takes {other['seconds'] / ours['seconds']:.1f}"
        lines.append(f"- At {count:,} order lines the pandas idiom {said} times as long.")
    counts = sorted(sizes)
    for smaller, larger in pairwise(counts):
        growth = sizes[larger]["ours"]["seconds"] / sizes[smaller]["ours"]["seconds"]
        lines.append(
            f"- From {smaller:,} to {larger:,} order lines the time grows {growth:.1f}-fold."
        )
    largest = sizes[counts[-1]]["ours"]
    lines += [
        "",
        f"## Where the time goes, at {counts[-1]:,} order lines",
        "",
        f"{largest['features']} features, {largest['rows']:,} rows.",
        "",
        "| group | seconds | share |",
        "|---|---:|---:|",
    ]
    for group, seconds in largest["groups"].items():
        lines.append(f"| {group} | {seconds:.1f} | {seconds / largest['seconds']:.0%} |")
    return "\n".join(lines) + "\n"


def _row(count: int, what: str, measured: dict[str, Any], floor: float) -> str:
    if measured["seconds"] is None:
        return f"| {count:,} | {what} | over {measured['limit']} | | |"
    return (
        f"| {count:,} | {what} | {measured['seconds']:.1f} | {measured['peak_memory_gb']:.1f} GiB "
        f"| {measured['seconds'] / floor:.0f} |"
    )
