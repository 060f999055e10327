"""What is kept of the sources to compare later extracts with: counts, and a sample of accounts.

Stored as `source_profile.json` with every publication and every registered model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

FILE = "source_profile.json"
FORMAT = 1
SIGNS = 16  # hexadecimal digits of a hash


class Group(NamedTuple):
    """The accounts of one owner, region or segment: how many, and those of the smallest hashes."""

    accounts: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class TableProfile:
    """What one loaded table held.

    until: only rows known up to then are counted, as they were known then; None for master data,
    of which the latest versions are counted. rows: distinct from `repeated`, those that repeat
    another row exactly are among them. accounts: that have a row; None for a table without
    accounts. first, last: days on which its events occurred; weeks: rows by the Monday of their
    week. groups: by the values of owner_id, region and segment. amount, margin, margin_revenue:
    in cents, of all lines; of those with a margin, the margin and the amount. sizes: lines by the
    size of their amount and margin, each the power of two below it. sample: rows by account of the
    accounts whose ids have the smallest hashes, all of them in small data. present: the same of the
    accounts that an earlier profile names; not stored.
    """

    rows: int
    until: datetime | None = None
    accounts: int | None = None
    repeated: int = 0
    first: date | None = None
    last: date | None = None
    weeks: Mapping[date, int] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Group]] = field(default_factory=dict)
    amount: int | None = None
    margin: int | None = None
    margin_revenue: int | None = None
    sizes: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    sample: Mapping[str, int] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Profile:
    """What all sources held.

    hidden_by: the mark of the key by which account ids and the values of groups are hashed; empty
    where they are as the sources have them. names: the values of groups by their hashes; not
    stored. crossings: see `pipeline.guards.crossings`.
    """

    tables: Mapping[str, TableProfile]
    hidden_by: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    crossings: tuple[tuple[int, float, float], ...] = ()

    def hash_of(self, account: str) -> str:
        """The hash of an account of a sample, by which samples are chosen."""
        return account if self.hidden_by else sha256(account.encode()).hexdigest()[:SIGNS]

    def text(self) -> str:
        """The profile as JSON, a line for each table."""
        tables = ",\n".join(
            f"{json.dumps(name)}: {json.dumps(_plain(table), sort_keys=True)}"
            for name, table in sorted(self.tables.items())
        )
        return (
            f'{{"format": {FORMAT}, "hidden_by": {json.dumps(self.hidden_by)},\n'
            f'"crossings": {json.dumps(self.crossings)},\n"tables": {{\n{tables}\n}}}}\n'
        )

    def save(self, folder: Path) -> None:
        """Write `source_profile.json` into the existing `folder`."""
        (folder / FILE).write_text(self.text(), encoding="utf-8")


def load(folder: Path) -> Profile | None:
    """Read what `save` wrote, its hash having been checked.

    None where there is no such file, or one of another format.
    """
    path = folder / FILE
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["format"] != FORMAT:
        return None
    return Profile(
        {name: _table(table) for name, table in content["tables"].items()},
        content["hidden_by"],
        crossings=tuple((n, mean, variance) for n, mean, variance in content["crossings"]),
    )


def _plain(table: TableProfile) -> dict[str, Any]:
    """The fields as JSON has them; those of their defaults are left out."""
    values = {name: value for name, value in vars(table).items() if value not in (None, {}, 0)}
    values.pop("present", None)
    for name in ("until", "first", "last"):
        if name in values:
            values[name] = values[name].isoformat()
    if "weeks" in values:
        values["weeks"] = {str(monday): rows for monday, rows in sorted(table.weeks.items())}
    return {"rows": table.rows, **values}


def _table(content: Mapping[str, Any]) -> TableProfile:
    values = dict(content)
    if "until" in values:
        values["until"] = datetime.fromisoformat(values["until"])
    for name in ("first", "last"):
        if name in values:
            values[name] = date.fromisoformat(values[name])
    weeks, sizes, groups = (values.pop(name, {}) for name in ("weeks", "sizes", "groups"))
    return TableProfile(
        **values,
        weeks={date.fromisoformat(monday): rows for monday, rows in weeks.items()},
        groups={
            group: {value: Group(n, tuple(members)) for value, (n, members) in found.items()}
            for group, found in groups.items()
        },
        sizes={
            money: {int(size): lines for size, lines in found.items()}
            for money, found in sizes.items()
        },
    )
