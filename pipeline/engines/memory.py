"""How much memory an engine may take: of what this process can have, not of what is built in."""

from __future__ import annotations

import os
from pathlib import Path

SHARE = 0.6
_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_MIB = 2**20


def limit_bytes(share: float = SHARE, mib: int | None = None) -> int:
    """The limit in bytes: `mib` MiB, or a share, 0-1, of the memory that there is."""
    return mib * _MIB if mib is not None else int(usable_bytes() * share)


def usable_bytes() -> int:
    """The machine's memory, or that of the container where it is less.

    A container that takes more is killed, and the machine's own size says nothing of that.
    """
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *container_limits()])


def container_limits(membership: Path = _MEMBERSHIP, root: Path = _CGROUPS) -> list[int]:
    """The limits in bytes of the control groups around this process; none where there are none.

    membership, root: where Linux tells of them, for both versions of control groups.
    """
    try:
        lines = membership.read_text().splitlines()
    except OSError:  # no Linux
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            top, file = root, "memory.max"
        elif "memory" in controllers.split(","):
            top, file = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / path.lstrip("/")
        # A container sees its own group as the root, whatever path it is told.
        for folder in {top, group, *(p for p in group.parents if p.is_relative_to(top))}:
            try:
                text = (folder / file).read_text().strip()
            except OSError:
                continue
            if text.isdigit():  # else "max"
                limits.append(int(text))
    return limits
