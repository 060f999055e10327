"""docs/benchmarks-scoring.md from the figures of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

FEATURES = "Building the features"

HEAD = """# How long scoring takes

Written by `make bench-scoring`: the figures of the last run, not promises.

{on}, on {machine}. Each figure is the median of {times} runs, each a process of its own. The
machine did other work beside them (load {load:.1f} on average before each), so the seconds of the
clock are worse than on a machine of one's own; those of the processor, of all threads together, are
hardly touched by that.

A simulated market of {accounts:,} accounts over {months} months has {rows:,} accounts in its
cohort. They are scored by a model that learned from a small market of the same kind ({features}
features, risks over three horizons, the choices of the demo), and laid beside the list of ten days
before.
"""


def page(result: dict[str, Any]) -> str:
    """The page; result: as `scoring.main` gathers it."""
    runs = result["runs"]
    cohorts = {name: found for name, found in runs.items() if name.startswith("cohort")}
    first = next(iter(cohorts.values()))[0]
    lines = [
        HEAD.format(**result, times=len(next(iter(runs.values()))), rows=first["rows"]["scores"])
    ]
    lines += ["## A cohort, step by step", ""]
    heads = [f"{found[0]['rows']['call_list']:,} to call" for found in cohorts.values()]
    lines.append("| step | " + " | ".join(f"{head}: clock | processor" for head in heads) + " |")
    lines.append("|---|" + "---:|---:|" * len(heads))
    for step in first["steps"]:
        cells = [cell for found in cohorts.values() for cell in _both(found, [step])]
        lines.append(f"| {step} | {' | '.join(cells)} |")
    after = [*first["steps"]][[*first["steps"]].index(FEATURES) + 1 :]
    for name, steps in (("after the features are built", after), ("all", [*first["steps"]])):
        cells = [cell for found in cohorts.values() for cell in _both(found, steps)]
        lines.append(f"| **{name}** | {' | '.join(cells)} |")
    peaks = [median(run["peak_memory_gb"] for run in found) for found in cohorts.values()]
    told = ", ".join(f"{peak:.1f} GiB" for peak in peaks)
    lines += [
        "",
        "To compare with the list before, the features are built a second time "
        "(docs/change.md; `scoring.explain_change: false` leaves that out). Starting the program "
        f"takes about two seconds more. Peak memory: {told}.",
        "",
        "## A million rows",
        "",
    ]
    rows = runs["rows"]
    clock, processor = _both(rows, ["rows"])
    peak = median(run["peak_memory_gb"] for run in rows)
    lines.append(
        f"From features in memory to calibrated risks over three horizons: {clock} s of the clock, "
        f"{processor} s of the processor on two threads, {peak:.1f} GiB at most, of which the "
        f"features are {rows[0]['features_gb']:.1f}. The rows are drawn with repetition from the "
        "cohort."
    )
    return "\n".join(lines) + "\n"


def _both(found: Sequence[dict[str, Any]], steps: Sequence[str]) -> list[str]:
    """Seconds of the clock and of the processor, as text."""
    return [
        f"{median(sum(run['steps'][step][kind] for step in steps) for run in found):.1f}"
        for kind in ("seconds", "cpu")
    ]
