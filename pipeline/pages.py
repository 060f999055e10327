"""What our pages have in common: one file each, filled safely, that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import jinja2


def filled(
    template: Path, filters: dict[str, Callable[..., str]] | None = None, **data: object
) -> str:
    """A page as HTML; whatever the data hold becomes text in it, and a name it lacks is an error.

    filters: further ones that the template uses.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(template.name).render(**data)


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
