"""Fills a page's template: its head is that of all pages, its style and script are its own."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import jinja2


def filled(
    template: Path,
    title: str,
    filters: Mapping[str, Callable[..., object]] | None = None,
    **data: object,
) -> str:
    """A page as HTML; whatever the data hold becomes text in it, and a name it lacks is an error.

    template: begins by including `head.html`; beside it lie its style and, where it has one, its
    script, with other suffixes, which the page may run and no others. filters: further ones that it
    uses.
    """
    style = template.with_suffix(".css").read_text(encoding="utf-8")
    acts = template.with_suffix(".js")
    script = acts.read_text(encoding="utf-8") if acts.exists() else None
    environment = _environment(template.parent)
    environment.filters |= filters or {}
    page = environment.get_template(template.name)
    policy = _policy(style, script)
    return page.render(title=title, policy=policy, style=style, script=script, **data)


@cache
def _environment(folder: Path) -> jinja2.Environment:
    """What fills the templates of a folder; it keeps each one compiled."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _policy(style: str, script: str | None) -> str:
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
