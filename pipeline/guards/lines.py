"""Words for what differs between two profiles: the table, and a line for each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from pipeline.guards.compare import Difference, Level, Limits
from pipeline.wording import counted, listed

_VERDICT = {Level.SAME: "", Level.WARNED: "warning", Level.REFUSED: "refused"}
_MOST = 12  # differences that a refusal names, those that say most first
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
        said += [f"  {line(difference)}" for difference in sorted(differences, key=_place)[:_MOST]]
        if len(differences) > _MOST:
            more = len(differences) - _MOST
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


def _place(difference: Difference) -> int:
    whole = difference.what in _FIRST and not difference.of
    return _FIRST.index(difference.what) if whole else len(_FIRST)


def _concerned(difference: Difference) -> str:
    return counted(round(difference.units), difference.unit)


def _figure(difference: Difference) -> str:
    return f"{difference.what} {difference.of}".rstrip()
