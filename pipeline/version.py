"""Which code produced a result."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def released_version() -> str:
    """The version of the distribution that is installed."""
    try:
        return version("defection-risk")
    except PackageNotFoundError:  # run from a source tree that nobody installed
        return "unreleased"


def code_version() -> str:
    """The released version, and the git commit where the code lies in a checkout of it.

    A commit with local changes ends in `-dirty`.
    """
    released = released_version()
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return released
    described = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    commit = described.stdout.strip()
    return f"{released}+{commit}" if described.returncode == 0 and commit else released
