"""What can happen to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

DAMAGE: Mapping[str, Callable[[Path], object]] = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[: -(file.stat().st_size // 2 + 1)]),
    "edited": lambda file: file.write_bytes(b"X" + file.read_bytes()[1:]),
}
