"""What is wrong with a config file, in the words of its form and with the place of each mistake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from pipeline.config.strict_yaml import KeyPath
from pipeline.wording import nearest, shortened

_MOST_EXPLAINED = 100


def config_mistakes(
    model: type[BaseModel], error: ValidationError
) -> Iterator[tuple[KeyPath, str]]:
    """The key path and a sentence for each of pydantic's complaints about `model`."""
    for number, found in enumerate(error.errors(include_url=False)):
        if found["type"] == "default_factory_not_called":
            continue  # a default that follows from a mistake told already
        path = tuple(part for part in found["loc"] if part != "[key]")
        # To look for the nearest name takes a while; nobody reads that of the hundredth mistake.
        yield path, _sentence(model, path, found) if number < _MOST_EXPLAINED else found["msg"]


def dotted(path: KeyPath) -> str:
    """`backtest.test_snapshots[1]`; the file itself for an empty path."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{shortened(part)}" for part in path)
    return text.removeprefix(".")


def _sentence(model: type[BaseModel], path: KeyPath, found: Any) -> str:
    kind, message, given = found["type"], found["msg"], found["input"]
    if kind == "extra_forbidden":
        keys = _keys_at(model, path[:-1])
        close = nearest(str(path[-1]), keys)
        hint = f"did you mean '{close}'?" if close else f"known here: {', '.join(keys)}"
        return f"unknown key; {hint}"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(message).removeprefix("Value error, ")
    if kind in ("model_type", "dict_type"):
        return "should be keys with values"
    if kind == "string_type":
        return f"should be text; put {given} in quotes" if _plain(given) else "should be text"
    said = (
        str(message).removeprefix("Input ").replace("Tuple", "List").replace("valid tuple", "list")
    )
    return said[0].lower() + said[1:] + (f", not {_shown(given)}" if _plain(given) else "")


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the form knows under `path`."""
    for part in path:
        field = model.model_fields.get(str(part))
        if field is not None:
            # a section, or a mapping of names to sections whose name is the next part
            inner = _section(field.annotation)
            if inner is not None:
                model = inner
    return list(model.model_fields)


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in get_args(annotation):
        found = _section(part)
        if found is not None:
            return found
    return None


def _plain(given: Any) -> bool:
    return not isinstance(given, dict | list | tuple | BaseModel)


def _shown(given: Any) -> str:
    return (
        f"'{shortened(given)}'"
        if isinstance(given, str)
        else "empty"
        if given is None
        else str(given)
    )
