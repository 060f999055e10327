"""File systems that one process alone sees: a namespace of its own, which needs no root."""

from __future__ import annotations

import subprocess

IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
WHY_NOT = "no namespace of its own: unshare --user --map-root-user --mount"


def possible() -> bool:
    """Whether a file system can be mounted in one here."""
    asked = [*IN_A_NAMESPACE, "sh", "-c", "mount -t tmpfs room /mnt"]
    try:
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
