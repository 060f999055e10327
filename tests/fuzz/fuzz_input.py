"""One input of the fuzz run: files of a project, and the exit codes that can be meant for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from small_files import CONFIG, config

OK, DATA, MISSING, CANNOT_WRITE, AGAIN, BAD_CONFIG = 0, 65, 66, 73, 75, 78

LIMITS = {"threads": 1, "memory_share": 0.02, "mapping_seconds": 1}
"""The engine's share of the machine, so small that whatever exceeds it is soon refused."""


@dataclass(frozen=True)
class FuzzInput:
    """A project and the codes that `validate` may end with; says: what it must say, if anything.

    changing: the file that somebody writes to while it is read.
    """

    family: str
    files: Mapping[str, bytes]
    codes: frozenset[int]
    says: tuple[str, ...] = ()
    changing: str = ""


Draw = Callable[[Random], FuzzInput]


def project(
    family: str, sources: Mapping[str, object], files: Mapping[str, bytes], *codes: int
) -> FuzzInput:
    """Files under a good config."""
    text = config(sources, engine=LIMITS)
    return FuzzInput(family, {CONFIG: text, **files}, frozenset(codes))
