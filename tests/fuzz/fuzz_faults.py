"""The faults of the catalogue themselves, each with the one code that it must end with."""

from __future__ import annotations

from functools import cache
from random import Random

from bad_files import FAULTS, BadInput, bad_inputs
from fuzz_input import FuzzInput

_SLOW = 23  # a million characters


@cache
def _cases(slow: bool) -> list[tuple[int, BadInput]]:
    return [
        (number, bad)
        for number in FAULTS
        if (number == _SLOW) is slow
        for form in ("csv", "parquet")
        for bad in bad_inputs(number, form)
    ]


def draw(random: Random) -> FuzzInput:
    """Any case of any fault."""
    number, bad = random.choice(_cases(random.random() < 0.03))
    codes = frozenset({bad.code})
    return FuzzInput(f"fault {number}", bad.files, codes, bad.says, bad.changing)
