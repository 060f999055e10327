"""docs/benchmarks-scoring.md from the figures of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

FEATURES = "Building the features"

HEAD = """# How long scoring takes

Written by `make bench-scoring`: the figures of the last run, not promises.

{on}, on {machine}; load before each measurement {load:.1f} on average, where other work makes the
seconds of the clock worse and hardly touches those of the processor, of all threads together. Each
figure is the median of {times}, each in a process of its own.

A simulated market of {accounts:,} accounts over {months} months; and the same with {copies}
accounts in the place of each, with {million_mib:,} MiB for the engine. They are scored by a model
that learned from a small market of the same kind ({features} features, the choices of the demo).
The former are laid beside the list of ten days before, and what changed a risk is said; for that
the features are built a second time (docs/change.md; `scoring.explain_change: false` leaves it
out). The latter have no list before.
"""


def page(result: dict[str, Any]) -> str:
    """The page; result: as `scoring.main` gathers it."""
    runs = result["runs"]
    first = runs[0][0]
    counts = [f"{len(found)} run{'s' if len(found) > 1 else ''}" for found in runs]
    lines = [HEAD.format(**{**first, **result}, times=", ".join(counts))]
    heads = [
        f"{found[0]['rows']['scores']:,} accounts, {found[0]['rows']['call_list']:,} to call"
        for found in runs
    ]
    lines.append("| seconds | " + " | ".join(f"{head}: clock | processor" for head in heads) + " |")
    lines.append("|---|" + "---:|---:|" * len(heads))
    every = [*max((found[0]["steps"] for found in runs), key=len)]
    for step in every:
        cells = [cell for found in runs for cell in _both(found, [step])]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    after = every[every.index(FEATURES) + 1 :]
    for name, steps in (("after the features are built", after), ("all", every)):
        cells = [cell for found in runs for cell in _both(found, steps)]
        lines.append(f"| **{name}** | {' | '.join(cells)} |")
    peaks = [f"{median(run['peak_memory_gb'] for run in found):.1f} GiB" for found in runs]
    lines.append(f"| peak memory | {' | '.join(f'{peak} |' for peak in peaks)}")
    lines += [
        "",
        "Starting the program takes about two seconds more. What does not fit into the engine's "
        "memory in one piece is split into shards ([benchmarks](benchmarks.md)).",
    ]
    return "\n".join(lines) + "\n"


def _both(found: Sequence[dict[str, Any]], steps: Sequence[str]) -> list[str]:
    """Seconds of the clock and of the processor, as text; empty where none of the steps was."""
    there = [step for step in steps if step in found[0]["steps"]]
    if not there:
        return ["", ""]
    return [
        f"{median(sum(run['steps'][step][kind] for step in there) for run in found):.1f}"
        for kind in ("seconds", "cpu")
    ]
