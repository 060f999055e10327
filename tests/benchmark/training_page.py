"""docs/benchmarks-training.md from the figures of the runs."""

from __future__ import annotations

from typing import Any

HEAD = """# How long training takes

Written by `make bench-training`: the figures of the last run, not promises.

{on}, on {machine}. Each market is trained and reviewed once by each label, in a process of its own,
all cores at work (load before: {loads}; other work beside makes the seconds of the clock worse, and
those of the processor, of all threads together, a little). The choices are the demo's: {features}
features, {trees} trees; three test snapshots, {repetitions:,} draws behind each interval. Both fit
models of inactivity within three horizons, `departure` those of departures and win-back too.
"""

STEPS = {  # what the step's name begins with: what the table says
    "Reading": "reading the sources",
    "Splitting": "splitting into shards",
    "Building": "features and labels",
    "Auditing": "label audit",
    "Checking": "leakage report",
    "Fitting": "fits of all models",
    "Predicting": "back-test: predictions, baselines, calibrators",
    "Measuring the win-back": "win-back: predictions, calibrators, measures",
    "Measuring": "measures and their intervals",
    "Calibrating": "horizons and final model: predictions, calibrators",
    "Logging": "logging to MLflow, with drawings",
}
REVIEW = "review"


def page(result: dict[str, Any]) -> str:
    """The page; result: as `training.main` gathers it."""
    runs = result["runs"]
    loads = ", ".join(f"{found['load']:.1f}" for found in runs)
    lines = [HEAD.format(**result, **{**runs[0], "loads": loads})]
    named = [f"{found['accounts']:,} accounts, {found['label']}" for found in runs]
    heads = " | ".join(f"{name}: clock | processor" for name in named)
    lines += [f"| seconds | {heads} |", "|---|" + "---:|---:|" * len(runs)]
    each = [_grouped(found["steps"]) for found in runs]
    for what in (*STEPS.values(), REVIEW):
        if any(what in group for group in each):
            cells = [
                f"{group[what][kind]:.1f}" if what in group else "-"
                for group in each
                for kind in ("seconds", "cpu")
            ]
            lines.append(f"| {what} | {' | '.join(cells)} |")
    sums = [
        f"{sum(step[kind] for step in group.values()):.1f}"
        for group in each
        for kind in ("seconds", "cpu")
    ]
    lines += [f"| **all** | {' | '.join(sums)} |", ""]
    lines += [f"| | {' | '.join(named)} |", "|---|" + "---:|" * len(runs)]
    for what, told in (
        ("months of data", lambda f: f"{f['months']}"),
        ("snapshots with a complete label", lambda f: f"{f['snapshots']}"),
        ("rows of their cohorts", lambda f: f"{f['rows']:,}"),
        ("rows kept", lambda f: f"{f['kept']:,}"),
        ("rows of the largest fit", lambda f: f"{max(fit['rows'] for fit in f['fits']):,}"),
        ("fits of trees", lambda f: f"{len(f['fits'])}"),
        ("rows fitted", lambda f: f"{sum(fit['rows'] for fit in f['fits']):,}"),
        ("processor, microseconds a fitted row", lambda f: f"{_a_row(f):.1f}"),
        ("AUC, mean over the tests", lambda f: f"{f['auc']:.4f}"),
        ("calibration error", lambda f: f"{f['calibration_error']:.3f}"),
        ("peak memory", lambda f: f"{f['peak_memory_gb']:.1f} GiB"),
    ):
        lines.append(f"| {what} | {' | '.join(told(found) for found in runs)} |")
    return "\n".join(lines) + "\n"


def _a_row(found: dict[str, Any]) -> float:
    fits = found["fits"]
    return 1e6 * sum(fit["cpu"] for fit in fits) / sum(fit["rows"] for fit in fits)


def _grouped(steps: list[tuple[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The steps under the names of `STEPS`; what follows the logging is the review."""
    found: dict[str, dict[str, float]] = {}
    logged = False
    for step, took in steps:
        named = (says for begins, says in STEPS.items() if step.startswith(begins))
        what = REVIEW if logged else next(named)
        logged = logged or step.startswith("Logging")
        both = found.setdefault(what, {"seconds": 0.0, "cpu": 0.0})
        for kind in both:
            both[kind] += took[kind]
    return found
