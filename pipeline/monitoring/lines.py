"""The report as text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.scoring.list_status import DELAYED, HELD_OUT
from pipeline.wording import counted

_SHOWN = 5  # earlier lists of a kind
_OUTCOMES = {  # of the label departure
    "due": "stopped ordering",
    "slip": "had stopped before",
    "neither": "still order",
}
_COINS = {
    HELD_OUT: ("Held out by a coin", "held out"),
    DELAYED: ("Called one list later by a coin", "delayed"),
}
_MEASURES = {
    "base_rate": "share that defects",
    "auc": "AUC",
    "average_precision": "average precision",
    "precision_at_capacity": "precision at capacity",
}


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What a person reads at the terminal; see `monitor.html` for all of it."""
    yield (
        f"{report['config']} as of {report['as_of']}, model version {report['model_version']}: "
        f"{counted(report['drift']['accounts'], 'account')}"
    )
    yield from _drift(report["drift"])
    yield from _expected(report["expected"])
    yield from _early(report["early"])
    yield from _ripens(report["ripens"])
    yield from _realised(report["realised"])
    yield from _plays(report["plays"])


def _drift(drift: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Inputs   {counted(len(drift['features']), 'feature')} beside "
        f"{counted(drift['training_snapshots'], 'training snapshot')}, {drift['training_first']} "
        f"to {drift['training_last']}"
    )
    if not drift["judged"]:
        yield f"         {drift['why_not']}"
        return
    known = [each for each in drift["features"] if each["distance"] is not None]
    furthest = max(known, key=lambda each: each["distance"])
    yield (
        f"         {counted(len(drift['alarms']), 'alarm')}; the furthest is {furthest['name']}, "
        f"{furthest['distance']:.1f} spreads from what is usual (alarm beyond "
        f"{drift['limit']:.1f}, by chance in {drift['false_alarm_rate']:.1%} of runs)"
    )


def _expected(expected: Mapping[str, Any]) -> Iterator[str]:
    said = ", ".join(
        f"{text} {_interval(expected[name])}"
        for name, text in _MEASURES.items()
        if expected[name]["value"] is not None
    )
    yield f"Expected {said}"
    yield f"         {expected['assumption']}"


def _early(early: Mapping[str, Any]) -> Iterator[str]:
    if early["why_not"]:
        yield f"Early    {early['why_not']}"
    for past in early["publications"][-_SHOWN:]:
        if past["observed"] is None:
            yield f"Early    {past['as_of']}: all of its accounts were acted on"
            continue
        verdict = "within chance" if past["within_chance"] else "BEYOND CHANCE"
        yield (
            f"Early    {past['as_of']}: after {past['days']} days {past['observed']:.1%} have "
            f"ordered, expected {past['expected']:.1%} ({past['low']:.1%} to {past['high']:.1%}), "
            f"{verdict}"
        )


def _ripens(ripens: Mapping[str, Any]) -> Iterator[str]:
    dates = ", ".join(f"{what} {day}" for what, day in ripens["dates"].items())
    yield f"Ripens   what comes of the list of {ripens['as_of']} is known from: {dates}"


def _realised(measured: list[Mapping[str, Any]]) -> Iterator[str]:
    if not measured:
        yield "Realised No earlier list has a complete label yet."
    for past in measured[-_SHOWN:]:
        if past["auc"]["value"] is None:
            alike = f"all of {past['accounts']:,} accounts ended alike"
            why = alike if past["accounts"] else "all of its accounts were acted on"
            yield f"Realised {past['as_of']}: {why}"
            continue
        verdict = "within chance" if past["within_chance"] else "BEYOND CHANCE"
        yield (
            f"Realised {past['as_of']}: {past['base_rate']:.1%} defected, mean risk "
            f"{past['mean_risk']:.1%}; AUC {past['auc']['value']:.4f}; calibration error "
            f"{past['calibration_error']:.3f}, {verdict} ({past['calibration_limit']:.3f})"
        )
        yield f"         {of_list(past['list'])}"


def of_list(found: Mapping[str, Any]) -> str:
    """What became of the accounts that were listed to be kept, in a sentence."""
    said = f"Listed and left alone: {_outcomes(found['untreated'])}"
    if found["treated"]:
        said += f"; acted on: {_outcomes(found['treated'])}"
    if found["margin_caught"] is None:
        return f"{said}."
    return (
        f"{said}. The list held {found['margin_caught']:.1%} of the margin that left; as many "
        f"accounts sorted by value {found['margin_caught_by_value']:.1%}."
    )


def _outcomes(counts: Mapping[str, int]) -> str:
    said = (f"{count:,} {_OUTCOMES.get(name, name)}" for name, count in counts.items())
    return ", ".join(said) or "nobody"


def _plays(plays: Mapping[str, Any]) -> Iterator[str]:
    if plays["why_not"]:
        yield f"Plays    {plays['why_not']}"
        return
    listed, acted = (sum(play[name] for play in plays["plays"]) for name in ("listed", "acted"))
    yield f"Plays    {listed:,} named by {counted(len(plays['plays']), 'play')}, {acted:,} acted on"
    for coin in plays["coins"]:
        yield f"         {of_coin(coin)}"


def of_coin(found: Mapping[str, Any]) -> str:
    """What a coin shows that calling does, in a sentence."""
    what, group = _COINS[found["coin"]]
    covers = f"tier {', '.join(found['tiers'])}"
    covers += "" if found["key_accounts"] else ", no key accounts"
    apart, called = (
        f"{found[part]['defected']:,} of {found[part]['accounts']:,}"
        for part in ("apart", "called")
    )
    said = f"{what} ({covers}): {apart} {group} defected, {called} called"
    if found["difference"] is None:
        return f"{said}."
    interval = f"{found['low']:+.1%} to {found['high']:+.1%}"
    return f"{said}; difference {found['difference']:+.1%} ({interval})."


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"
