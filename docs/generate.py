"""Writes the pages that follow from the code; with --check says which of them are stale.

docs/features.md from the feature definitions, docs/commands.md from the command line.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer.main

from features.catalogue import catalogue
from features.families import FAMILIES
from pipeline.cli import app

FOLDER = Path(__file__).resolve().parent


def commands() -> str:
    """The command reference: every command with its options and its example."""
    root: Any = typer.main.get_command(app)
    parts = [
        "# Commands",
        "",
        "Generated from the command line by `make docs`.",
        "",
        root.epilog,
    ]
    for name, command in root.commands.items():
        parts += ["", f"## defection {name}", "", command.help, "", command.epilog]
        options = [option for option in command.params if option.name != "help"]
        if options:
            parts += ["", "| option | default | |", "|---|---|---|"]
            parts += [_row(option) for option in options]
    return "\n".join(parts) + "\n"


def _row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    if option.required:
        default = "required"
    else:
        default = "" if option.default in (None, False) else f"`{option.default}`"
    return f"| {names} | {default} | {option.help} |"


PAGES = {
    "features.md": lambda: catalogue(list(FAMILIES.values())),
    "commands.md": commands,
}


def main() -> int:
    """Write the pages, or check them; 1 if a page is stale."""
    stale = []
    for name, page in PAGES.items():
        path = FOLDER / name
        text = page()
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"Stale: {', '.join(f'docs/{name}' for name in stale)}. Run `make docs`.")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
