"""The history of promotions: what was recorded, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

PROMOTED_TAG = "promoted_by_number"  # of a version: the last promotion of it that is done


@dataclass(frozen=True)
class Promotion:
    """One move of the champion alias. previous: None for the first; at: UTC, ISO 8601, seconds.

    rollback: whether it went back to the champion that `previous` had replaced. overridden: what
    stood against it and was set aside. took_effect: not for one whose job died before it moved the
    alias. deleted: whether its version was deleted since. Both are known once it is read back.
    """

    number: int
    version: int
    previous: int | None
    by: str
    reason: str
    at: str
    rollback: bool = False
    overridden: tuple[str, ...] = ()
    took_effect: bool = True
    deleted: bool = False

    def set_aside(self) -> list[str]:
        """What was set aside, as text; of a deleted version without the command to review it."""
        if not self.deleted:
            return list(self.overridden)
        return [said.partition(": defection ")[0] for said in self.overridden]

    @classmethod
    def of(cls, record: str) -> Self:
        """Read it from JSON; ValueError, KeyError or TypeError where it is none."""
        content = json.loads(record)
        read = cls(**{**content, "overridden": tuple(content.get("overridden", ()))})
        if not (isinstance(read.number, int) and isinstance(read.version, int)):
            raise ValueError("its number and version are not whole")
        return read

    def record(self) -> str:
        """As JSON, before anything has moved."""
        content = asdict(self)
        del content["took_effect"], content["deleted"]
        return json.dumps(content, ensure_ascii=False, sort_keys=True)


def became(
    records: Sequence[Promotion], champion: int | None, tags: Mapping[int, Mapping[str, str]]
) -> list[Promotion]:
    """Say of each record whether it took effect, and whether its version was deleted since.

    records: oldest first. champion: the version that the alias stands for. tags: those of each
    version that there is.
    """
    # What was in use when the next one was recorded; it is not moved in between.
    afterwards = [*(record.previous for record in records[1:]), champion]
    return [
        replace(
            record,
            deleted=record.version not in tags,
            took_effect=then == record.version
            or then != record.previous
            or record.version not in tags
            or tags[record.version].get(PROMOTED_TAG) == str(record.number),
        )
        for record, then in zip(records, afterwards, strict=True)
    ]


def last_of(history: Sequence[Promotion]) -> Promotion | None:
    """The last promotion that took effect."""
    return next((past for past in reversed(history) if past.took_effect), None)


def replaced_by_last(history: Sequence[Promotion]) -> int | None:
    """The version that a rollback goes back to; None without one.

    A promotion goes on top, a rollback takes it off again; deleted versions are passed over.
    """
    used: list[Promotion] = []
    for past in history:
        if past.took_effect and past.rollback:
            while len(used) > 1 and used[-2].version != past.version:
                used.pop()
            used[-2:] = [past]
        elif past.took_effect:
            used.append(past)
    return next((past.version for past in reversed(used[:-1]) if not past.deleted), None)
