"""A user's own feature families: files of Python that a config registers, loaded and checked.

Such a file is code and runs with the rights of whoever runs the command, as any imported module
does; so a config names one's own files only.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from features.definition import Family
from pipeline.config.definitions import mistakes_of
from pipeline.errors import ConfigError, MissingInput
from pipeline.own_code import module_name, own_code
from pipeline.wording import counted


class _Source(SourceFileLoader):
    """Reads the text itself: leaves no byte code beside the file, and trusts none."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load_family(
    name: str, path: Path, windows: Sequence[int], beside: Iterable[Family] = ()
) -> Family:
    """The family that a file defines, checked.

    name: under which it is registered. windows: in days. beside: families whose features it must
    not repeat. MissingInput where there is no such file; ConfigError with all that is wrong with
    its definitions.
    """
    if not _is_file(path):
        raise MissingInput(f"{path}: no such file; it should define FAMILY = Family({name!r}, ...)")
    with own_code(name, path):
        family = getattr(_module(name, path), "FAMILY", None)
        if not isinstance(family, Family):
            found = (
                "defines no FAMILY" if family is None else f"FAMILY is a {type(family).__name__}"
            )
            raise ConfigError(f"{path}: {found}; define FAMILY = Family(name={name!r}, ...)")
        if family.name != name:
            raise ConfigError(
                f"{path}: FAMILY is named {family.name!r}, but registered as {name!r}; give both "
                "the same name"
            )
        mistakes = mistakes_of(family, windows, beside)
    if mistakes:
        listed = "".join(f"\n    {mistake}" for mistake in mistakes)
        raise ConfigError(f"{path}: {counted(len(mistakes), 'mistake')}{listed}")
    return family


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its name is too long, or its folder is somebody else's
        return False


def _module(name: str, path: Path) -> ModuleType:
    private = module_name(name)
    loader = _Source(private, str(path))
    spec = importlib.util.spec_from_loader(private, loader)
    assert spec is not None  # a loader was given
    module = importlib.util.module_from_spec(spec)
    sys.modules[private] = module  # where a dataclass of the file looks itself up
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[private]
        raise
    return module
