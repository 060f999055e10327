"""Words for what differs between two profiles: the table, and a line for each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from pipeline.guards.compare import OF_GROUP, UNNAMED, Difference, Level, Limits
from pipeline.wording import counted, listed

_VERDICT = {Level.SAME: "", Level.WARNED: "warning", Level.REFUSED: "refused"}
_MOST = 12  # differences that a refusal names, those that say most first
_NAMES = 3  # of values that are gone
_FIRST = ("accounts", "rows", "first day", "last day")  # of a whole source
HEADINGS = ("source", "figure", "then", "now", "differs", "concerns", "")


def cells(difference: Difference) -> tuple[str, ...]:
    """The difference as texts, one for each of `HEADINGS`."""
    return (
        difference.table,
        _figure(difference),
        figure(difference.then),
        figure(difference.now),
        f"{difference.share:.0%}",
        _concerned(difference) if difference.share > 0 else "",
        _VERDICT[difference.level],
    )


def table(differences: Iterable[Difference]) -> Iterator[str]:
    """The differences as lines of a table."""
    rows = [HEADINGS, *map(cells, differences)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        words = [
            text.ljust(width) if place in (0, 1, 6) else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(words).rstrip()


def line(difference: Difference) -> str:
    """One difference as a line of text."""
    said = (
        f"{difference.table}: {_figure(difference)}: {figure(difference.then)} then, "
        f"{figure(difference.now)} now ({difference.share:.0%}"
    )
    if difference.what != "accounts":
        said += f", concerns {_concerned(difference)}"
    if difference.names:
        said += f", such as {listed(difference.names)}"
    return said + ")"


def lines(differences: Iterable[Difference]) -> list[str]:
    """The differences, a line each; values of a column that lost all accounts share one."""
    return [line(each) for each in _merged(differences)]


def refusal(refused: Mapping[str, Sequence[Difference]], limits: Limits, command: str) -> str:
    """Why nothing is published, and the line to run if the differences are real.

    refused: what differs too much, by what the sources were compared with, in words.
    """
    least = counted(limits.accounts, "account")
    if any(each.unit != "account" for differences in refused.values() for each in differences):
        least += " (or rows, where accounts are not known)"
    said = []
    for before, differences in refused.items():
        if len(refused) > 1:
            said.append(f"Compared with {before}:")
        named = lines(sorted(differences, key=_place))
        said += [f"  {each}" for each in named[:_MOST]]
        if len(named) > _MOST:
            more = len(named) - _MOST
            said.append(f"  and {more} more; `defection validate` shows all of them")
    found = (difference.table for differences in refused.values() for difference in differences)
    tables = listed(dict.fromkeys(found))
    return "\n".join(
        (
            f"The sources differ too much from {' and from '.join(refused)}: {limits.share:.0%} or "
            f"more, and at least {least} (`guards` in the config). Nothing is published.",
            *said,
            f"Export {tables} again. If the change is real, say why; the reason is recorded:",
            f'  {command} --accept "REASON"',
        )
    )


def figure(value: float | date) -> str:
    """A figure as text: a day, a whole number, or one with two places."""
    if isinstance(value, date):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _merged(differences: Iterable[Difference]) -> list[Difference]:
    """The same, with one difference for all values of a column that are gone.

    A value is gone where none of its accounts is left, or where nothing names it any more.
    """
    kinds: dict[tuple[object, ...], list[Difference]] = {}
    for number, each in enumerate(differences):
        unnamed = each.of == UNNAMED
        is_gone = each.what.startswith(OF_GROUP) and (unnamed or each.now == 0)
        kind = (each.table, each.what, unnamed) if is_gone else (number,)
        kinds.setdefault(kind, []).append(each)
    return [_of_all(alike) if len(alike) > 1 else alike[0] for alike in kinds.values()]


def _of_all(values: Sequence[Difference]) -> Difference:
    """One difference for several values of a column, each of accounts that no other has."""
    names = [each.of for each in values if each.of != UNNAMED]
    column = values[0].what.removeprefix(OF_GROUP)
    then, now = (
        sum(figure for figure in figures if not isinstance(figure, date))
        for figures in ([each.then for each in values], [each.now for each in values])
    )
    units = sum(each.units for each in values)
    return replace(
        values[0],
        what=f"{OF_GROUP}{counted(len(values), 'value')} of {column}",
        of=f"({listed(names, _NAMES)})" if names else "that are not there any more",
        then=then,
        now=now,
        share=units / max(then, 1),
        units=units,
        level=max(each.level for each in values),
    )


def _place(difference: Difference) -> int:
    whole = difference.what in _FIRST and not difference.of
    return _FIRST.index(difference.what) if whole else len(_FIRST)


def _concerned(difference: Difference) -> str:
    return counted(round(difference.units), difference.unit)


def _figure(difference: Difference) -> str:
    return f"{difference.what} {difference.of}".rstrip()
