"""The last attempt at a list that failed, kept for `status` in `<output>/scores/refused.json`.

It holds the first line of the message and no other, where differences, rows or accounts may be
named. A list of that date or a later one removes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from models.errors import ModelError
from pipeline import console
from pipeline.endings import USAGE, ending, in_our_words
from pipeline.errors import CannotWrite, DefectionError
from pipeline.output_files import short, write_text
from pipeline.redaction import redaction
from pipeline.wording import shortened
from pipeline.years import YEARS

REFUSED = "refused.json"
_SIGNS = 300  # of the line


@dataclass(frozen=True)
class Attempt:
    """An attempt at the list of a date that failed.

    at: UTC. why: the first line of the message; further: how many lines it had besides.
    """

    as_of: date
    at: datetime
    exit_code: int
    why: str
    further: int


@contextmanager
def kept(root: Path, as_of: date) -> Iterator[None]:
    """Keep an error of the block as the last attempt; without one, forget what the list settles.

    root: of the publications; where it is not there yet, nothing is kept.
    """
    try:
        yield
    except Exception as error:
        text, code = ending(in_our_words(error))
        if code != USAGE and root.is_dir():
            # The message of any other error may hold what it found in the data.
            known = isinstance(error, DefectionError | ModelError)
            _keep(root, as_of, code, text if known else type(error).__name__)
        raise
    found = read(root)
    if found is None or found.as_of <= as_of:
        try:
            (root / REFUSED).unlink(missing_ok=True)
        except OSError as error:
            console.complain(f"{short(root / REFUSED)} cannot be removed: {error.strerror}.")


def read(root: Path) -> Attempt | None:
    """The last attempt that failed; None where there is none, or where it cannot be read."""
    try:
        said = json.loads((root / REFUSED).read_text(encoding="utf-8"))
        found = Attempt(
            date.fromisoformat(said["as_of"]),
            datetime.fromisoformat(said["at"]),
            int(said["exit_code"]),
            shortened(str(said["why"]), _SIGNS),
            int(said["further"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    in_reach = found.as_of.year in YEARS and found.at.year in YEARS
    return found if in_reach and found.at.tzinfo is not None else None


def _keep(root: Path, as_of: date, code: int, text: str) -> None:
    first, *further = redaction(os.environ)(text).splitlines() or [""]
    content = {
        "as_of": str(as_of),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "exit_code": code,
        "why": shortened(first, _SIGNS),
        "further": len(further),
    }
    try:
        write_text(root / REFUSED, json.dumps(content, indent=2, sort_keys=True) + "\n")
    except (DefectionError, OSError) as error:
        if code != CannotWrite.exit_code:  # which says the same
            console.complain(f"`defection status` will not know of this refusal: {error}")
