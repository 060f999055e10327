"""What a published page may do: act by its own script and style, and nothing else."""

from __future__ import annotations

import base64
import hashlib


def policy(style: str, script: str | None = None) -> str:
    """A Content-Security-Policy that lets this very style, and script, act; no request leaves."""
    rules = {
        "default-src": "'none'",
        "script-src": "'none'" if script is None else _hashed(script),
        "style-src": _hashed(style),
        "img-src": "data:",  # the empty icon, so that none is asked for
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {rule}" for name, rule in rules.items())


def _hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
