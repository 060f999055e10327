"""How messages name things: the nearest known name, counts with their nouns, short lists."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `name` is most likely a slip for, capitals and signs aside."""
    plain = {_plain(candidate): candidate for candidate in sorted(names, reverse=True)}
    found = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[found[0]] if found else None


def unknown(name: str, names: Iterable[str], what: str) -> str:
    """ "unknown table 'order'; did you mean 'orders'?"; the names there are when none is near."""
    names = sorted(names)
    found = nearest(name, names)
    name = shortened(name)
    if found:
        return f"unknown {what} '{name}'; did you mean '{found}'?"
    return f"unknown {what} '{name}'" + (f"; known: {listed(names)}" if names else "")


def counted(number: int, noun: str) -> str:
    """ "1 row", "2,000 rows": a number with its noun, which takes a plain s."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(items: Iterable[str], most: int = 12) -> str:
    """The items with commas, the last ones as a number when there are many."""
    items = list(items)
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")


def shortened(text: str, most: int = 60) -> str:
    """The text on one line, control characters shown as escapes, its end cut off if long."""
    plain = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text[: most + 1])
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def as_yaml(value: str | list[str]) -> str:
    """A text or a list of texts as YAML on one line, which can be pasted into a config."""
    return json.dumps(value, ensure_ascii=False)


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())
