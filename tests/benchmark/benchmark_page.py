"""docs/benchmarks.md from the figures of a run."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from pandas_idiom import FEATURES

SHARDS = 8

HEAD = """# Benchmarks

Written by `make bench`: the figures of the last run, not promises.

{on}, on {machine}. Other work on the machine makes figures worse, so compare ratios.

Events are generated: 36 months, accounts of very different sizes, 5 % of the order lines and
touches known late; 10 order lines per touch, 67 per complaint, 400 per account. The feature table
has monthly snapshots, all families, the windows of 30, 90, 180 and 365 days. Two threads; the clock
runs from opening the files, splitting into shards included. Each measurement is a process of its
own. "On disk" is what the engine had set aside there at once, shards included. A table of all
features has the same hash in one piece and in {shards} shards, or this page is not written.

The floor is reading the order lines, and one group-by. The pandas idiom
(tests/benchmark/pandas_idiom.py) loops over snapshots and windows with filters and group-bys, for
the {subset} features that it can express; its numbers are checked to be ours.
"""

ROWS = {
    "floor": "one scan and group-by (floor)",
    "in_shards": "all features, {snapshots} snapshots, {shards} shards",
    "ours": "all features, {snapshots} snapshots, one piece",
    "one_snapshot": "all features, 1 snapshot, one piece",
    "ours_on_pandas_features": "{subset} features, {snapshots} snapshots, one piece",
    "pandas": "{subset} features, {snapshots} snapshots, pandas idiom",
}


def page(result: dict[str, Any]) -> str:
    """The page; result: as `feature_table.main` gathers it."""
    sizes = {int(lines): measured for lines, measured in result["sizes"].items()}
    subset = len(FEATURES)
    lines = [HEAD.format(**result, subset=subset, shards=SHARDS)]
    lines += [
        "| order lines | table of | seconds | ns a line and snapshot | peak memory | on disk |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for count, measured in sizes.items():
        snapshots = measured["in_shards"]["snapshots"]
        for name, what in ROWS.items():
            if name in measured:
                told = what.format(snapshots=snapshots, shards=SHARDS, subset=subset)
                lines.append(_row(count, told, measured[name]))
    lines.append("")
    for count, measured in sizes.items():
        if "pandas" in measured:
            lines.append(_beside_pandas(count, measured))
    for smaller, larger in pairwise(sorted(sizes)):
        growth = _a_line(larger, sizes[larger]["in_shards"]) / _a_line(
            smaller, sizes[smaller]["in_shards"]
        )
        lines.append(
            f"- From {smaller:,} to {larger:,} order lines, in {SHARDS} shards, the time for a "
            f"line and snapshot is {growth:.2f} times as long."
        )
    for count, measured in sizes.items():
        if "ours" in measured:
            times = measured["in_shards"]["seconds"] / measured["ours"]["seconds"]
            lines.append(
                f"- At {count:,} order lines {SHARDS} shards take {times:.2f} times as long as "
                "one piece."
            )
    in_one_piece = [count for count, size in sizes.items() if "ours" in size]
    if in_one_piece:
        lines += _groups(max(in_one_piece), sizes[max(in_one_piece)]["ours"])
    return "\n".join(lines) + "\n"


def _groups(count: int, measured: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"## Where the time goes, at {count:,} order lines in one piece",
        "",
        f"{measured['features']} features, {measured['rows']:,} rows.",
        "",
        "| group | seconds | share |",
        "|---|---:|---:|",
    ]
    for group, seconds in measured["groups"].items():
        lines.append(f"| {group} | {seconds:.1f} | {seconds / measured['seconds']:.0%} |")
    return lines


def _beside_pandas(count: int, measured: dict[str, Any]) -> str:
    ours, other = measured["ours_on_pandas_features"], measured["pandas"]
    if other["seconds"] is None:
        times = other["limit"] / ours["seconds"]
        said = f"is not done after {other['limit']} s: more than {times:.1f}"
    else:
        said = f"takes {other['seconds'] / ours['seconds']:.1f}"
    return f"- At {count:,} order lines the pandas idiom {said} times as long."


def _a_line(count: int, measured: dict[str, Any]) -> float:
    """Nanoseconds for a line and snapshot."""
    return float(measured["seconds"] / count / measured["snapshots"] * 1e9)


def _row(count: int, what: str, measured: dict[str, Any]) -> str:
    if measured["seconds"] is None:
        return f"| {count:,} | {what} | over {measured['limit']} | | | |"
    a_line = f"{_a_line(count, measured):.0f}" if "snapshots" in measured else ""
    disk = f"{measured['disk_gb']:.1f} GB" if "disk_gb" in measured else ""
    return (
        f"| {count:,} | {what} | {measured['seconds']:.1f} | {a_line} "
        f"| {measured['peak_memory_gb']:.1f} GiB | {disk} |"
    )
