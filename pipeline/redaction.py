"""Secrets taken out of texts: those of addresses by their form, those of the environment by value.

Every line of a command passes here on its way to standard output and standard error; see
`pipeline.streams`. What is stored calls `without_credentials` itself.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, unquote

_LEAST = 6
"""Characters of a secret that is looked for by its value; a shorter one may be a word."""

_SECRET_NAME = re.compile(r"(?i)(password|passwd|token|secret|(api|access|secret|private)_?key)$")
_USER_PART = re.compile(r"(?is)\s*[a-z][a-z0-9+.-]*://(?P<user>[^/]*|[^/:]+:.*)@")
_NAMED = re.compile(r"(?i)\b(password|token|secret)(\s*=\s*)('[^']*'|[^&\s'\"]+)")


def without_credentials(text: str) -> str:
    """`text` without the secrets of addresses: `//user:secret@host` becomes `//host`."""
    text = re.sub(r"//[^/\s\"']*@", "//", text)
    return _NAMED.sub(r"\1=...", text)


def redaction(environment: Mapping[str, str]) -> Callable[[str], str]:
    """A function that takes all secrets out of a text, also those that the environment holds.

    environment: read once, so that it may change or be cleared afterwards.
    """
    values = {
        form
        for secret in _secrets(environment)
        if len(secret) >= _LEAST
        for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1])
    }
    longest_first = sorted(values, key=lambda value: (-len(value), value))
    held = re.compile("|".join(map(re.escape, longest_first))) if values else None

    def redacted(text: str) -> str:
        return without_credentials(held.sub("...", text) if held else text)

    return redacted


def _secrets(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if _SECRET_NAME.search(name):
            yield value
        for named in _NAMED.finditer(value):
            yield named[3].strip("'")
        if found := _USER_PART.match(value):
            user, _, password = found["user"].partition(":")
            # Servers of the web take a token as the user; elsewhere a user alone is no secret.
            secret = password or (user if value.lower().startswith("http") else "")
            yield secret
            yield unquote(secret)
    both = [environment.get(f"MLFLOW_TRACKING_{part}", "") for part in ("USERNAME", "PASSWORD")]
    if all(both):
        yield base64.b64encode(":".join(both).encode()).decode()
