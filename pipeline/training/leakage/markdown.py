"""The leakage report as a page for people."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from models.screening import TOO_GOOD
from pipeline.training.leakage.findings import COHORT
from pipeline.training.leakage.lateness import LATE_DAYS, SPIKE_RULE
from pipeline.training.leakage.report import STRONGEST, LeakageReport, exactly, pseudonym
from pipeline.wording import counted, listed

SPIKES_SHOWN = 10  # of one table


def markdown(report: LeakageReport) -> str:
    """The whole report."""
    parts = [
        f"# Leakage report: {report.verdict}",
        "\n".join(f"- Warning: {warning}" for warning in report.warnings) or "No warnings.",
        *_laws(report),
        *_strongest(report),
        *_late(report),
    ]
    return "\n\n".join(parts) + "\n"


def _laws(report: LeakageReport) -> Iterator[str]:
    laws = report.point_in_time
    moved = len(laws.sampled) - len(laws.unmoved)
    yield "## Truncation and poison"
    yield (
        f"{counted(laws.accounts, 'account')}, drawn with a fixed seed, and {laws.kin:,} that "
        "merges tie to them; "
        f"{counted(len(laws.snapshots), 'snapshot')} ({', '.join(map(str, laws.snapshots))}); "
        f"{counted(len(laws.sampled), 'feature')}: {laws.rows * len(laws.sampled):,} values "
        "of the training table, each computed again twice and compared bit for bit; so were "
        "the cohorts."
    )
    yield (
        "- Truncation: from what was known before the snapshot alone.\n"
        "- Poison: with a false future on top, known from the snapshot on: rows dated back by "
        "up to two years, newer versions that change or delete what there was, answers to open "
        "complaints, deliveries, merges. How strong it is shows when it is known: at "
        f"{laws.later} it moved {moved} of the {len(laws.sampled)} features"
        f"{f', all but {listed(_code(laws.unmoved))}' if laws.unmoved else ''}."
    )
    if laws.whole:
        yield (
            f"Compare accounts with each other, so held to truncation with all accounts at "
            f"{laws.snapshots[-1]}: {', '.join(_code(laws.whole))}."
        )
    if laws.unchecked:
        yield (
            "Not checked, because they compare accounts with each other and there are too many "
            f"rows to copy: {', '.join(_code(laws.unchecked))}."
        )
    if not laws.differences:
        yield "No difference."
        return
    rows = (
        f"| {d.law} | {d.as_of} | `{d.feature}` | {d.rows:,} | {pseudonym(d.account)} "
        f"| {exactly(d.trained)} | {exactly(d.checked)} |"
        for d in laws.differences
    )
    yield (
        "| law | snapshot | feature | accounts that differ | one of them | training table "
        "| check |\n|---|---|---|---:|---|---:|---:|\n" + "\n".join(rows)
    )
    yield (
        "An account is named by the first 12 hexadecimal digits of the SHA-256 of its "
        f"account_id. `{COHORT}`: 1 where the account is in it."
    )


def _strongest(report: LeakageReport) -> Iterator[str]:
    rows = (
        f"| `{name}` | {area:.4f} | {'yes' if name in report.too_good else 'no'} |"
        for name, area in islice(report.alone.items(), STRONGEST)
    )
    yield "## The strongest features alone"
    yield (
        f"AUC of ranking by the feature alone, in its better direction; above {TOO_GOOD} it is "
        "too good to be true."
    )
    yield "| feature | AUC | too good |\n|---|---:|---|\n" + "\n".join(rows)


def _late(report: LeakageReport) -> Iterator[str]:
    days = (*LATE_DAYS, report.reporting_lag_days)
    head = "".join(f" {name} |" for name in ("a day", "a week", "a month", "the lag"))
    yield "## Late knowledge"
    yield (
        "The share of rows that became known so long after they had happened (of a key's "
        "versions the first; a month is 30 days), and beyond the "
        f"{counted(report.reporting_lag_days, 'day')} of `label.reporting_lag_days`. Only late "
        "orders touch the labels."
    )
    yield (
        f"| what | rows |{head} spikes |\n|---|---:|---:|---:|---:|---:|---:|\n"
        + "\n".join(
            f"| {what.what} | {what.rows:,} |"
            + "".join(f" {what.share(d):.2%} |" if what.stamped else " ? |" for d in days)
            + f" {len(what.spikes)} |"
            for what in report.lateness
        )
    )
    if not all(what.stamped for what in report.lateness):
        yield "?: the source does not say when; known as soon as it happened is assumed."
    yield f"Spike: {SPIKE_RULE}."
    spikes = [
        f"- {what.what}, {spike.day}: {counted(spike.rows, 'old row')}"
        for what in report.lateness
        for spike in what.spikes[:SPIKES_SHOWN]
    ]
    if spikes:
        yield "\n".join(spikes)


def _code(names: tuple[str, ...]) -> list[str]:
    return [f"`{name}`" for name in names]
