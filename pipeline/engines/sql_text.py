"""Names and values as parts of a statement."""

from __future__ import annotations

from typing import Any


def quoted(name: str) -> str:
    """An identifier or text literal's body made safe for double quotes, with the quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """A text, number or list as SQL; safe for any text."""
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)
