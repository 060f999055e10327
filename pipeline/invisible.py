"""Characters that nobody sees: controls, marks of writing direction, signs of no width.

In an id they make two of one; in a name they forge a line of the terminal, or turn one around.
"""

from __future__ import annotations

import re

_CONTROLS = ((0x00, 0x1F), (0x7F, 0x9F), (0x2028, 0x2029))
_WIDTHLESS = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_HALVES = ((0xD800, 0xDFFF),)  # what Python makes of a byte that is no UTF-8


def _of_engine(ranges: tuple[tuple[int, int], ...]) -> str:
    return "[" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges) + "]"


CONTROLS = _of_engine(_CONTROLS)
"""A class of characters for the engine's regular expressions: controls and ends of lines."""

WIDTHLESS = _of_engine(_WIDTHLESS)
"""The same for characters that change how others stand, or nothing that is seen."""

UNSEEN = _of_engine((*_CONTROLS, *_WIDTHLESS))
"""The same for all of them."""

_ANY = re.compile(
    "["
    + "".join(
        f"{re.escape(chr(first))}-{re.escape(chr(last))}"
        for first, last in (*_CONTROLS, *_WIDTHLESS, *_HALVES)
    )
    + "]"
)


def escaped(text: str) -> str:
    """The text on one line, with such characters as escapes, which are those of JSON."""
    return _ANY.sub(_escape, text)


def escaped_lines(text: str) -> str:
    """The same for a text of several lines, which stay."""
    return "\n".join(escaped(line) for line in text.split("\n"))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
