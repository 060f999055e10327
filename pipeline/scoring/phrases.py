"""Fills a phrase with an account's own numbers, or finds that it has nothing to say.

See `pipeline.scoring.reason_texts` for what a phrase is made of.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from features.definition import Feature
from pipeline.scoring.reason_texts import WORDS, Phrase

_HOLE = re.compile(r"\{(?P<stem>[a-z_]+)(?: (?P<days>\d+))?(?P<before> before)?(?P<unit> unit)?\}")
_CONDITION = re.compile(r"(?P<stem>[a-z_]+)(?: (?P<days>\d+))? (?P<sign>[<>=]) (?P<number>[0-9.]+)")
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_SINGULAR = {"categories": "category", "touches": "touch"}


@dataclass(frozen=True)
class Numbers:
    """An account's features by name, with their units, and the currency of its money.

    values: NaN where a feature is unknown. units: a feature's unit, as its definition says it.
    words: what is said of the account besides, of `reason_texts.WORDS`, as far as it is known.
    """

    values: Mapping[str, float]
    units: Mapping[str, str]
    currency: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)

    def known(self, stem: str, days: int | None) -> tuple[str, float] | None:
        """Name and value of the feature of that stem, with the window if it has one."""
        for name in (f"{stem}_{days}d", stem):
            value = self.values.get(name, math.nan)
            if not math.isnan(value):
                return name, value
        return None


def filled(phrases: Sequence[Phrase], windows: Sequence[int], numbers: Numbers) -> str | None:
    """The first phrase that has something to say, over the first window for which it has.

    windows: in days, in the order in which they are tried.
    """
    for phrase in phrases:
        for window in windows or (0,):
            text = _filled(phrase, window, numbers)
            if text is not None:
                return text
    return None


def plain_sentence(feature: Feature, value: float, currency: str | None) -> str:
    """A feature's own sentence with the account's number: for what no phrase was written for."""
    return f"{feature.says.rstrip('.')}: {shown(value, feature.unit, currency, named=True)}"


def shown(value: float, unit: str, currency: str | None, *, named: bool) -> str:
    """A number as people read it: `91 %`, `12,300`, `2.4`; named: with its noun or currency."""
    kind = unit.split(",")[0]
    if kind.startswith("share"):
        return f"{100 * value:z.0f} %"
    if kind.startswith("currency"):
        return f"{value:z,.0f}" + (f" {currency}" if named and currency else "")
    if kind == "days" and 0 < value < 1:
        return "less than 1 day" if named else "less than 1"
    whole = f"{value:z,.0f}"
    if " " in kind or kind in ("ratio", "index"):
        return f"{value:z.1f}" + (f" {kind}" if named and " " in kind else "")
    if not named:
        return whole
    return f"{whole} {_SINGULAR.get(kind, kind.removesuffix('s')) if whole == '1' else kind}"


def stems_of(phrase: Phrase) -> set[str]:
    """The stems that a phrase and its conditions speak of; ValueError where one is not understood.

    What a text means by `{window}` and by words is no stem.
    """
    holes = [_HOLE.fullmatch(hole) for hole in re.findall(r"\{[^}]*\}", phrase.text)]
    conditions = [_CONDITION.fullmatch(condition) for condition in phrase.only_if]
    found = [*holes, *conditions]
    if not all(found):
        raise ValueError(f"a phrase that cannot be read: {phrase}")
    return {match["stem"] for match in found if match} - {"window", *WORDS}


@cache
def _holes(text: str) -> tuple[re.Match[str], ...]:
    return tuple(_HOLE.finditer(text))


@cache
def _condition(text: str) -> re.Match[str]:
    match = _CONDITION.fullmatch(text)
    assert match is not None
    return match


def _filled(phrase: Phrase, window: int, numbers: Numbers) -> str | None:
    if not all(_holds(condition, window, numbers) for condition in phrase.only_if):
        return None
    parts = []
    position = 0
    for hole in _holes(phrase.text):
        if hole["stem"] == "window":
            part = str(window) if window else None
        elif hole["stem"] in WORDS:
            part = numbers.words.get(hole["stem"])
        else:
            part = _number(hole, window, numbers)
        if part is None:
            return None
        parts += [phrase.text[position : hole.start()], part]
        position = hole.end()
    return "".join([*parts, phrase.text[position:]])


def _number(hole: re.Match[str], window: int, numbers: Numbers) -> str | None:
    days = int(hole["days"] or window)
    found = numbers.known(hole["stem"], days)
    if found is None:
        return None
    name, value = found
    if hole["before"]:
        twice = numbers.known(hole["stem"], 2 * days)
        if twice is None or twice[0] == name:
            return None
        value = twice[1] - value
    return shown(value, numbers.units[name], numbers.currency, named=bool(hole["unit"]))


def _holds(condition: str, window: int, numbers: Numbers) -> bool:
    match = _condition(condition)
    found = numbers.known(match["stem"], int(match["days"] or window))
    return found is not None and _COMPARED[match["sign"]](found[1], float(match["number"]))
