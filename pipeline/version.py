"""Which code produced a result."""

from __future__ import annotations

import hashlib
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


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
    commit = _commit()
    return f"{released_version()}+{commit}" if commit else released_version()


def git_commit() -> dict[str, str]:
    """The tag of the commit; none where the code lies in no checkout."""
    commit = _commit()
    return {"git_commit": commit} if commit else {}


def lock_digest() -> dict[str, str]:
    """The tag of the locked dependencies, SHA-256; none where the code was installed without."""
    lock = _ROOT / "requirements.lock"
    if not lock.exists():
        return {}
    return {"lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest()}


def _commit() -> str:
    if not (_ROOT / ".git").exists():
        return ""
    described = subprocess.run(
        ["git", "-C", str(_ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() if described.returncode == 0 else ""
