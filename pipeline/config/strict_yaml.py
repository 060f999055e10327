"""YAML as a form to fill in: plain values under plain keys, and every slip of the file at once.

Safe loading still lets a repeated key win silently and a tag choose a type. Here tags, anchors
and repeated keys are mistakes, each with its place.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from pipeline.wording import shortened

KeyPath = tuple[str | int, ...]

LARGEST = 10**18  # of whole numbers; of thousands of digits, Python refuses to make a text
MOST = 20_000  # keys and values of a file
DEEPEST = 20  # keys below one another; the form itself has five


@dataclass
class Form:
    """A file's content, the line of every key (from 1), and what is wrong with its form."""

    content: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    mistakes: list[tuple[KeyPath, str]] = field(default_factory=list)

    def line(self, path: KeyPath) -> int | None:
        """The line of the nearest key at or above `path`."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


class _Noting(Composer):
    """Notes tags and aliases, which the node tree no longer shows; refuses to go too deep."""

    form: Form
    depth = 0
    count = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[attr-defined]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self.form.mistakes.append(
                ((), f"line {line}: write the value out, aliases are refused")
            )
        elif getattr(event, "tag", None) is not None:
            self.form.mistakes.append(
                ((), f"line {line}: the tag {shortened(event.tag)} is refused")
            )
        if self.depth > DEEPEST:
            raise yaml.YAMLError(f"line {line}: nested more than {DEEPEST} deep")
        self.count += 1
        if self.count > MOST:
            raise yaml.YAMLError(f"line {line}: more than {MOST:,} keys and values before it")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Loader(_Noting, yaml.SafeLoader):
    """Reads slowly, and shows where it cannot go on."""


if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _QuickLoader(_Noting, SafeConstructor, Resolver, CParser):
        """Reads the same with libyaml, ten times as fast."""

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)


def read_form(text: str) -> Form:
    """Parse one document; yaml.YAMLError where the text is not YAML."""
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):  # which the other one explains
            return _read(_QuickLoader(text))
    return _read(_Loader(text))


def _read(loader: Any) -> Form:
    loader.form = form = Form()
    try:
        node = loader.get_single_node()
        if node is not None and not form.mistakes:
            form.content = _plain(loader, node, (), form)
    finally:
        loader.dispose()
    return form


def _plain(loader: Any, node: yaml.Node, path: KeyPath, form: Form) -> Any:
    """The node's value; scalars by YAML's safe rules (numbers, dates, true and false, null)."""
    if isinstance(node, yaml.MappingNode):
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                form.mistakes.append((path, f"line {line}: a key must be a plain word"))
                continue
            key = key_node.value
            if _torn(key):
                form.mistakes.append((path, f"line {line}: {_TORN}"))
                continue
            if key in content:
                first = form.lines[(*path, key)]
                form.mistakes.append(((*path, key), f"given twice, in lines {first} and {line}"))
                continue
            form.lines[(*path, key)] = line
            content[key] = _plain(loader, value_node, (*path, key), form)
        return content
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(loader, item, (*path, position), form)
            for position, item in enumerate(node.value)
        ]
    if _torn(node.value):
        form.mistakes.append((path, _TORN))
        return None
    try:
        value = loader.construct_object(node)
    except ValueError as error:  # 2024-13-01 looks like a date and is none
        form.mistakes.append((path, f"'{shortened(node.value)}' cannot be read: {error}"))
        return None
    if isinstance(value, int) and abs(value) > LARGEST:
        form.mistakes.append((path, f"'{shortened(node.value)}' is too large a number"))
        return None
    return value


_HALF = re.compile(r"[\ud800-\udfff]")
_TORN = r"half of a character (\ud800 to \udfff) is no text"


def _torn(text: str) -> bool:
    """Whether an escape has put something into a text that no file can hold."""
    return _HALF.search(text) is not None
