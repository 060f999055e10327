"""A YAML file that people fill in: read as a form, and all that is wrong with it told at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from pipeline.config.mistakes import dotted
from pipeline.config.strict_yaml import Form, KeyPath, read_form
from pipeline.errors import ConfigError, MissingInput
from pipeline.special_files import special_kind
from pipeline.wording import counted

Mistake = tuple[KeyPath, str]

_LARGEST = 2**20  # bytes
_MOST_TOLD = 20


def read_file(path: Path, what: str, give: str) -> Form:
    """The form in a file; its content is keys with values, or has a mistake that says otherwise.

    what: the kind of file. give: what to do where there is none, and where to start from. Raises
    MissingInput where the file is not there, ConfigError where it is no text or no YAML.
    """
    try:
        if kind := special_kind(path):
            raise ConfigError(f"{path}: is {kind}, not a file; {give}")
        size = path.stat().st_size
        if size > _LARGEST:
            most = f"a {what} has at most {_LARGEST:,}"
            raise ConfigError(f"{path}: has {size:,} bytes; {most}; {give}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingInput(f"{path}: no such {what}; {give}") from None
    except OSError as error:
        raise MissingInput(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    try:
        form = read_form(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    if not form.mistakes and not isinstance(form.content, dict):
        form.mistakes.append(((), "should be keys with values; start from a file in configs/"))
    return form


def told(path: Path, form: Form, mistakes: Iterable[Mistake]) -> str:
    """The mistakes with their places in the file, by line; the first 20 where there are more."""
    ordered = sorted(mistakes, key=lambda mistake: form.line(mistake[0]) or 0)
    lines = [f"{path}: {counted(len(ordered), 'mistake')}"]
    for place, sentence in ordered[:_MOST_TOLD]:
        line = form.line(place)
        where = dotted(place) + (f" (line {line})" if line else "")
        lines.append(f"  {where}: {sentence}" if where else f"  {sentence}")
    if rest := len(ordered[_MOST_TOLD:]):
        lines.append(f"  and {counted(rest, 'more mistake')}")
    return "\n".join(lines)
