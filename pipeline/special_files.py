"""Files that are none: to read one can wait for ever, or never end."""

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
