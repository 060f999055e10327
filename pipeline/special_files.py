"""Paths that cannot be read as a file is: pipes, devices, and names that are no text."""

from __future__ import annotations

import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def special_kind(path: Path) -> str:
    """What a path is, where it is neither a file nor a folder; empty otherwise. OSError, too."""
    return _KINDS.get(stat.S_IFMT(path.stat().st_mode), "")


def is_utf8(place: Path) -> bool:
    """Whether the bytes of a path are text, as the formats and the store that we write want it."""
    return not any("\ud800" <= sign <= "\udfff" for sign in str(place))
