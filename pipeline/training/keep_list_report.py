"""What is said of a keep list's evaluation: terminal, MLflow, model card."""

from __future__ import annotations

import math
from collections.abc import Iterator

from models.bootstrap import Interval
from pipeline.training.campaign import REST_DAYS, Campaign
from pipeline.training.keep_list import CALL_SCORE, SIZE
from pipeline.training.keep_list_measures import (
    AUC,
    CAPACITY,
    CAPPED,
    DEPARTURES,
    DUE,
    LASTING,
    LEADS,
    LENGTHS,
    LOST,
    MEAN,
    ORDERED_AFTER,
    ORDERED_BEFORE,
    POOLED,
    SETTLED,
    SHARES,
    SHRINKING,
    SLIP_CHANCE,
    SLIPS,
    KeepListEvaluation,
)
from pipeline.training.size_comparison import (
    against,
    compare_with_size,
    disagreements,
    points,
)
from pipeline.wording import counted

_SPLITS = {
    ORDERED_BEFORE: "last order placed",
    ORDERED_AFTER: "last order still to come",
    **dict(zip(LEADS, ("due in 0-30 days", "31-60 days", "61-90 days"), strict=True)),
}
_LOGGED = (DUE, LASTING, LOST, SLIPS)
_LOGGED_AT_CAPACITY = (CAPPED, DEPARTURES, SHRINKING, *_SPLITS)


def table(found: KeepListEvaluation) -> list[str]:
    """The margin caught beside that of other lists, as lines of text."""
    others = [name for name in found.rankings if name not in (CALL_SCORE, SIZE)]
    widths = {name: max(7, len(name) + 2) for name in others}
    names = "".join(f"{spelled(name):>{width}}" for name, width in widths.items())
    lines = [
        "Margin of due departures caught by the list, pooled over the test snapshots",
        f"{'calls':<14}{'list':>7}{'size':>7}{'difference (95 %)':>31}{names}",
    ]
    for calls in LENGTHS:
        lines.append(
            f"{_length(found, calls):<14}{_share(found.of(DUE, calls=calls)):>7}"
            f"{_share(found.of(DUE, SIZE, calls)):>7}"
            f"{points(found.of(DUE, calls=calls, less=SIZE)):>31}"
            + "".join(
                f"{_share(found.of(DUE, name, calls)):>{width}}" for name, width in widths.items()
            )
        )
    return lines


def headline(found: KeepListEvaluation) -> str:
    """What the list catches with 3 % of the active accounts called, beside size."""
    (calls, *_) = SHARES
    return (
        f"with {_length(found, calls)} called it catches "
        f"{_share(found.of(DUE, calls=calls))} of the margin of due departures; "
        f"size {_share(found.of(DUE, SIZE, calls))}; difference "
        f"{points(found.of(DUE, calls=calls, less=SIZE))}"
    )


def lines(found: KeepListEvaluation) -> list[str]:
    """The table and what is to be read beside it."""
    splits = "; ".join(
        f"{says} {_share(found.of(kind))} (size {_share(found.of(kind, SIZE))})"
        for kind, says in _SPLITS.items()
    )
    return [
        *table(found),
        f"Split with {_calls(found)}: {splits}",
        *_later(found),
        f"Already departed: {_share(found.of(SLIPS))} of the listed (size "
        f"{_share(found.of(SLIPS, SIZE))}). AUC among active accounts: "
        f"{found.of(AUC, 'onset', '', MEAN).value:.4f} of the call score's chance, "
        f"{found.of(AUC, 'departure_risk', '', MEAN).value:.4f} of the departure risk "
        f"(size {found.of(AUC, SIZE, '', MEAN).value:.4f})",
        *campaign_lines(found.campaign),
        calibration_line(found),
        verdict_line(found),
        *disagreements(found),
    ]


def campaign_lines(found: Campaign) -> Iterator[str]:
    """What the latest lists would have reached, called one after another, and by size."""
    lists = f"{counted(len(found.lists), 'list')} from {found.lists[0]} to {found.lists[-1]}"
    if not found.departures:
        yield f"Campaign over {lists}: no departure is dated in that time"
        return
    own = found.courses[CALL_SCORE]
    lower, median, upper = own.leads
    lead = "" if math.isnan(median) else f", {median:.0f} days ahead ({lower:.0f} to {upper:.0f})"
    gains = "; ".join(
        f"{spelled(name)} {_share(found.courses[name].margin)}, difference {points(gain)}"
        for name, gain in found.gains.items()
    )
    yield (
        f"Campaign over {lists}, {found.capacity:,} calls each, {REST_DAYS} days of rest after a "
        f"call: {counted(own.accounts, 'account')} called, {own.calls:,} calls; of "
        f"{counted(found.departures, 'departure')} {own.called:,} called in time{lead}, "
        f"{own.never:,} never; {_share(own.margin)} of their margin ({gains})"
    )


def spelled(ranking: str) -> str:
    """The name of a ranking in words."""
    return ranking.replace("_", " ")


def verdict_line(found: KeepListEvaluation) -> str:
    """How the list compares with size, in a line."""
    compared = compare_with_size(found)
    says = compared.sentence or f"The list caught {against(found, SIZE)}."
    return f"Compared with size: {compared.answer}. {says}"


def calibration_line(found: KeepListEvaluation) -> str:
    """Predicted over actual departures."""
    ratios = ", ".join(f"{group} {ratio(one)}" for group, one in found.calibration.items())
    return f"Predicted over actual departures (99 %): {ratios}"


def ratio(one: Interval) -> str:
    """A ratio with its interval."""
    if math.isnan(one.value):
        return "unknown"
    return f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})"


def _later(found: KeepListEvaluation) -> Iterator[str]:
    """The list against size by what came later, at the snapshots at which it is known."""
    if not found.settled:
        yield "Lasting departures and the margin of the year after are not known yet"
        return
    said = ", ".join(
        f"{name} {_share(found.of(kind, snapshot=SETTLED))} "
        f"({points(found.of(kind, less=SIZE, snapshot=SETTLED))} on size)"
        for kind, name in (
            (DUE, "due departures"),
            (LASTING, "lasting departures"),
            (LOST, "margin lost"),
        )
    )
    lost, shrinking = (
        found.of(f"{kind}_total", "", "", SETTLED).value for kind in (LOST, SHRINKING)
    )
    share = shrinking / lost if lost else math.nan
    yield (
        f"Snapshots with all outcomes known, {found.settled[0]} to {found.settled[-1]}: {said}. "
        f"Accounts that stay but lose more than half: {share:.1%} of the margin lost, of it "
        f"{_share(found.of(SHRINKING, snapshot=SETTLED))} listed"
    )


def markdown(found: KeepListEvaluation) -> Iterator[str]:
    """For the model card."""
    yield (
        "Margin of due departures that the list would have caught, pooled over the test snapshots "
        f"({', '.join(map(str, found.tests))}); 95 % intervals by a bootstrap over accounts:"
    )
    yield ""
    names = " | ".join(map(spelled, found.rankings))
    yield f"| calls | {names} | {spelled(CALL_SCORE)} less {SIZE} (95 %) |"
    yield "|---|" + "---|" * (len(found.rankings) + 1)
    for calls in LENGTHS:
        cells = [_share(found.of(DUE, name, calls)) for name in found.rankings]
        gain = points(found.of(DUE, calls=calls, less=SIZE))
        yield f"| {_length(found, calls)} | {' | '.join(cells)} | {gain} |"
    for line in lines(found)[len(table(found)) :]:
        yield ""
        yield line if line.endswith(".") else f"{line}."


def metrics(found: KeepListEvaluation) -> dict[str, float | None]:
    """Pooled figures of the list and of size; all others are in keep_list.csv."""
    logged: dict[str, float | None] = {}
    for key, figure in found.figures.items():
        chief = key.ranking in (CALL_SCORE, SIZE) and key.less in ("", SIZE)
        kinds = _LOGGED + (_LOGGED_AT_CAPACITY if key.calls == CAPACITY else ())
        pooled = key.snapshot in (POOLED, SETTLED)
        if not (chief and pooled and key.measure in kinds and math.isfinite(figure.value)):
            continue
        calls = key.calls.replace(" %", "pct")
        name = f"keep_list/{calls}/{key.measure}_{key.ranking}"
        name += f"_less_{key.less}" if key.less else ""
        name += f"_{SETTLED}" if key.snapshot == SETTLED else ""
        logged[name] = figure.value
        if key.less:
            logged |= {f"{name}_low": figure.low, f"{name}_high": figure.high}
    for group, one in found.calibration.items():
        if math.isfinite(one.value):
            name = "slip_chance" if group == SLIP_CHANCE else group.replace(" %", "pct")
            logged[f"keep_list/predicted_over_actual_{name.replace(' ', '_')}"] = one.value
    logged["keep_list/effective_departures"] = found.effective_number
    return logged


def texts(found: KeepListEvaluation) -> dict[str, str]:
    """Files for the run."""
    return {
        "keep_list.csv": found.frame().to_csv(index=False, float_format="%.8g"),
        "keep_list.txt": "\n".join(lines(found)) + "\n",
    }


def _length(found: KeepListEvaluation, calls: str) -> str:
    return _calls(found) if calls == CAPACITY else f"{calls} of active"


def _calls(found: KeepListEvaluation) -> str:
    return f"{found.capacity:,} calls"


def _share(one: Interval) -> str:
    return "unknown" if math.isnan(one.value) else f"{one.value:.1%}"
