"""Writes the pages that follow from the code; with --check says which of them are stale.

docs/features.md from the feature definitions, docs/vocabulary.md from what they may be made of,
docs/commands.md from the command line, docs/sources.md from the form of the config,
docs/outputs.md from the published columns, docs/reliability.md from the tests of faults.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import typer.main

from features import expressions, populations, values
from features.catalogue import catalogue
from features.families import FAMILIES
from pipeline.cli import app
from pipeline.config.form import FileOptions, InputConfig, SourceConfig
from pipeline.scoring.columns import COLUMNS, SCHEMA_VERSION
from pipeline.scoring.score_table import SCHEMA

FOLDER = Path(__file__).resolve().parent
TESTS = re.compile(r"def (test_fault_\w+)")

sys.path.append(str(FOLDER.parent / "tests" / "support"))
import bad_files  # noqa: E402
from fault_table import FAULTS, numbers_of  # noqa: E402


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
    parts += ["", "## Before the command", "", "Example: `defection --log json history`"]
    parts += ["", "| option | default | |", "|---|---|---|"]
    parts += [_row(option) for option in root.params if option.name != "help"]
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


def vocabulary() -> str:
    """What a definition may be made of, each with what its docstring says first."""
    parts = ["# Vocabulary", "", "Generated from the code by `make docs`. How to use it:"]
    parts += ["[own-families.md](own-families.md)."]
    for module in (populations, values, expressions):
        title, _, rest = (module.__doc__ or "").partition("\n")
        parts += ["", f"## {module.__name__}", "", title]
        parts += [rest.strip()] if rest.strip() else []
        parts += ["", "| word | says |", "|---|---|"]
        parts += [f"| `{word}` | {says} |" for word, says in _words(module)]
    return "\n".join(parts) + "\n"


def _words(module: ModuleType) -> Iterator[tuple[str, str]]:
    """What a module offers, in order, with its arguments, and what that says."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if dataclasses.is_dataclass(thing):
            if not thing.__subclasses__():
                fields = (field.name for field in dataclasses.fields(thing))
                # a kind of kind, such as Largest of PerKey, is told after what it is one of
                kinds = [base for base in thing.__mro__[1:] if base.__base__ is values.Aggregate]
                yield _call(name, fields), " ".join(map(_first, (*kinds, thing)))
        elif module is expressions and inspect.isfunction(thing):
            yield _call(name, inspect.signature(thing).parameters), _first(thing)


def _call(name: str, arguments: Iterable[str]) -> str:
    return f"{name}({', '.join(arguments)})"


def _first(thing: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    paragraph = inspect.getdoc(thing).split("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


SOURCES = """# Sources

The options are generated from the form of the config by `make docs`.

A source is one table of the contract: files, a query over `inputs`, or a table of a PostgreSQL
server. `defection validate` reads all sources and says what cannot be read, and which line of the
config mends it. Nothing is guessed: what can mean two things is declared, or refused.

## Files

CSV (`.csv`, `.txt`, `.tsv`), Parquet (`.parquet`, `.pq`) and workbooks (`.xlsx`, `.xlsm`), a
folder of files of one format, or a pattern.

- **Packed files** (gzip, or a zip archive with one table) are unpacked to a temporary copy. A
  file that is far larger unpacked than any table is refused.
- **Folders** such as `year=2025/month=01` give their files the columns `year` and `month`.
- **Workbooks**: cells keep their types, and `datetime_format`, `decimal` and `thousands` are for
  cells of text. Ids that are stored as numbers are warned of, because a workbook keeps 15 digits
  and no zeros before them. Macros are never run.
- **CSV**: any line ends, a byte-order mark, the line `sep=;` and a final Ctrl-Z are read. Blanks
  around a column's name do not count. `="0042"` is read as `0042`.
- **INT96** in Parquet is a moment in UTC, as Spark writes it.

```yaml
sources:
  orders:
    path: orders.csv.gz
    delimiter: ";"
    decimal: ","
    thousands: "."
    units: ["EUR"]
    nulls: ["NULL", "00.00.0000"]
    datetime_format: {occurred_at: "%d.%m.%Y", known_at: epoch_ms}
    header_row: 3
    footer_rows: 1
```

## Servers

A PostgreSQL server is read in one read-only transaction, so all sources of one `url_variable` are
as of one moment. A lock is waited for 30 seconds, or as long as the connection string says, such as
`postgresql://user@server/database?options=-c%20lock_timeout%3D5min`.

## Values in text

| text | read as |
|---|---|
| `250.00-`, `(250.00)`, `'-250.00`, a minus of typesetters | -250, undeclared |
| `1.234,56` | 1234.56 with `thousands: "."`; then a comma is the decimal sign |
| `1 234,56` with any blank | 1234.56 with `thousands: " "` and `decimal: ","` |
| `$1,234.50` | 1234.5 with `thousands: ","` and `units: ["$"]` |
| `2025-01-15 10:15:00 -0500`, `... UTC`, `...+01:00[Europe/Berlin]` | a moment, undeclared |
| `2025-01-15 10:15:00 CET` | a moment with `zones: {CET: "+01:00"}` |
| `1736942400000` | a moment with `datetime_format: epoch_ms`; seconds: `epoch_s` |
| `45672` | 2025-01-15 with `datetime_format: excel` (days since 1899-12-30) |
| `NULL`, `n/a`, `-` | no value with `nulls: ["NULL", "n/a", "-"]` |

Several formats are tried in turn. A text that two of them read as two times is refused.
`datetime_format` may give each column its own; a column that it does not name is ISO 8601.

"""


RECIPES = """
## Recipes

Where an export needs more than a mapping, a query makes the table: `inputs` names the files,
`sql` the query. It reads the inputs by their names and nothing else, and gives the same from run to
run: other tables, files and settings are refused, and so are `now()`, `random()` and their kind.

Orders of Shopify: the price is that of one piece, fields of the order stand on its first line
only, and cancelled orders stay in the export.

```sql
SELECT Email AS account_id, Name AS order_id, "Created at" AS occurred_at, Currency AS currency,
  "Lineitem sku" AS product_id, "Lineitem quantity" AS quantity,
  CAST("Lineitem price" AS DECIMAL(18,2)) * CAST("Lineitem quantity" AS INTEGER) AS amount
FROM (
  SELECT * REPLACE (
    first_value(NULLIF(Email, '') IGNORE NULLS) OVER one_order AS Email,
    first_value(NULLIF("Created at", '') IGNORE NULLS) OVER one_order AS "Created at",
    first_value(NULLIF(Currency, '') IGNORE NULLS) OVER one_order AS Currency,
    max(NULLIF("Cancelled at", '')) OVER one_order AS "Cancelled at"
  )
  FROM shopify
  WINDOW one_order AS (PARTITION BY Name ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
WHERE "Cancelled at" IS NULL
```

Complaints of Zendesk: it exports minutes to the first reply, and not the time of the reply.

```sql
SELECT Id AS complaint_id, Organization AS account_id, "Created at" AS opened_at,
  CAST(CAST("Created at" AS TIMESTAMP) + to_minutes(
    TRY_CAST(NULLIF("First reply time in minutes", '') AS BIGINT)) AS VARCHAR) AS first_response_at,
  NULLIF("Solved at", '') AS resolved_at
FROM tickets WHERE Organization <> ''
```
"""


def sources() -> str:
    """What a source and a raw input may say, key by key."""
    parts = [
        SOURCES.rstrip(),
        "",
        "## Options of a source",
        "",
        "| key | default | |",
        "|---|---|---|",
    ]
    parts += [_key(name, field) for name, field in SourceConfig.model_fields.items()]
    files = ", ".join(
        f"`{name}`" for name in FileOptions.model_fields if name in InputConfig.model_fields
    )
    parts += ["", f"A raw input has {files}."]
    return "\n".join(parts) + "\n" + RECIPES


def _key(name: str, field: Any) -> str:
    default = "" if field.default_factory or not field.default else f"`{_written(field.default)}`"
    return f"| `{name}` | {default} | {field.description} |"


def _written(default: Any) -> Any:
    """A default as YAML has it."""
    if isinstance(default, tuple):
        return default[0] if len(default) == 1 else list(default)
    return default


OUTPUTS = """# Outputs

Generated from the code by `make docs`.

`defection score` publishes a folder, `<output>/scores/as_of=D/model_version=N/revision=R/`, which
appears whole or not at all; `<output>/scores/latest.json` names the newest (`path`), and says when
the next one is due and when it is late (`next_due`, `next_late`). The same inputs are published
once, changed ones as a further revision. `<output>/scores/refused.json` has the date, the time and
the first line of the last attempt that failed, until a list of that date or a later one is
published. Replays go to `<output>/replays`, lists by another version
than that of the last promotion to `<output>/trials`.

| file | for | what |
|---|---|---|
| `scores.parquet` | machines | all accounts of the cohort, a row each; below them those lost |
| `features.parquet` | machines | the features that they were scored on |
| `call_list.csv` | people | the accounts to call, those lost below; UTF-8 with a byte-order mark |
| `call_list.xlsx` | people | the same with types, filters, and a sheet about the columns |
| `call_list.html` | people | the same as one page: search, filters, a card for each account |
| `source_profile.json` | `score` | what the sources held; see [guards.md](guards.md) |
| `manifest.json` | machines | written last: inputs, versions, counts, nulls, SHA-256 of all |

Text that a spreadsheet would run as a formula begins with an apostrophe in the CSV, and is marked
as text in the XLSX. `call_list.html` has everything in it and asks the network for nothing;
`call_list.html#account=ID` opens an account's card.

`defection validate` writes its report as `<output>/validation/validation.json` and, for people,
`validation.html` with small pictures; both show values of the sources.

Rows of a source that cannot be used are set aside, with the reason, in
`<output>/validation/quarantine_<table>.parquet`; `validate`, `train`, `score` and the like write it
anew. The manifest counts them, and the rows that were not yet known at the snapshot.

With `scoring.postgresql` the rows of `scores.parquet` go to a table of a PostgreSQL server as well,
with the same columns, the primary key (account_id, as_of, model_version) and the column `revision`.
A table is of one config; that of another, or one with another key, is refused. The user of the
connection string in `url_variable` may create the table, or read and write one that is there; to
add the columns of a later version, it must own it. A run replaces the rows of its date and version
in one transaction and reads them back before it ends; where they are not the same, it exits with
69. A run that fails says which revision the table holds. Replays and trials are not
written.

## Columns of scores.parquet

Version {version} of the columns (`schema_version` in the manifest). It is raised when a column is
removed, renamed or means another thing, not when one is added: read columns by name.

| column | type | unit | meaning | null means |
|---|---|---|---|---|
"""


def outputs() -> str:
    """What is published, column by column."""
    rows = (
        f"| `{field.name}` | {field.type} | {COLUMNS[field.name].unit} "
        f"| {COLUMNS[field.name].means} | {COLUMNS[field.name].null_means or 'never null'} |"
        for field in SCHEMA
    )
    return OUTPUTS.format(version=SCHEMA_VERSION) + "\n".join(rows) + "\n"


PROMISES = (
    (
        "What is published is whole, or not there",
        "written beside its place, renamed, the manifest last",
        ("make crash", "tests/end_to_end/test_crash.py", "tests/spec/test_publication.py"),
    ),
    (
        "A command that was killed is completed by the same command",
        "locks and temporary folders go with their process; the next run clears what is left",
        ("make crash", "tests/spec/test_scratch.py", "tests/spec/test_locks.py"),
    ),
    (
        "The same inputs give the same bytes",
        "seeds are fixed, sums are of integers, nothing depends on threads or the clock",
        ("tests/end_to_end/test_command_line.py",),
    ),
    (
        "Bad data are told all at once, with the place, a count and what to do",
        "every column is text until it is cast and checked",
        ("make fuzz", "tests/spec/test_validation.py", "tests/spec/test_bad_input.py"),
    ),
    (
        "A broken export is not taken for customers who left",
        "compared with the publication before and with the training, of the same past",
        ("make bench-guards", "tests/end_to_end/test_guards.py", "tests/spec/test_guards.py"),
    ),
    (
        "No input ends in a traceback, a hang or a killed process",
        "looked at before it is used; beyond a limit on memory the engine sets aside on disk",
        ("make fuzz", "make bench-memory", "tests/spec/test_memory.py"),
    ),
    (
        "A mapping reads the inputs and nothing else",
        "parsed by DuckDB itself, which has no network, extensions or settings; PostgreSQL in a "
        "read-only "
        "transaction that is undone",
        ("tests/spec/test_lockdown.py", "tests/spec/test_server_sources.py"),
    ),
    (
        "A model is what was registered",
        "SHA-256 of every file, compared before it is parsed; no pickle",
        ("tests/spec/test_registry.py", "tests/spec/test_risk_model.py"),
    ),
    (
        "Damaged, moved or changed by hand, an installation says how to repair it",
        "hashes of publications, a check of SQLite before use, the record of promotions",
        ("make faults", "tests/end_to_end/test_installation.py"),
    ),
    (
        "No secret and no person leaves",
        "one redaction on every way out; connection strings stay in the environment; pseudonyms "
        "and sums in MLflow",
        ("tests/end_to_end/test_review.py", "tests/spec/test_tracking.py"),
    ),
    (
        "No locked package has a known weakness that reaches us",
        "each is looked up; exceptions have a reason and end",
        ("make audit", "tests/spec/test_audit.py"),
    ),
)
"""What is promised, how that is kept, and what holds it."""


TRIED = (
    ("2026-11-29", "make faults", "670 tests of the 84 cases", "none"),
    (
        "2026-11-29",
        "make crash",
        "300 kills of 14 commands, in two runs side by side: nothing was written yet at 107, "
        "half of it at 55, all at 138",
        "none",
    ),
    (
        "2026-11-22",
        "make fuzz",
        "100,000 inputs (seed 1) in one process in 67 minutes, the slowest 2.5 s",
        "1, of the run itself: it had removed the folder of an engine that it kept; mended",
    ),
)
"""The last whole run of each: its day, what it tried, and what it found wrong."""


def reliability() -> str:
    """What is promised, and each fault of the catalogue with the tests that show it."""
    root: Any = typer.main.get_command(app)
    parts = ["# Reliability", "", "Generated by `make docs`, the catalogue from its tests."]
    parts += ["", "## Promises", "", "| promise | how it is kept | held by |", "|---|---|---|"]
    parts += [f"| {says} | {how} | {_listed(by)} |" for says, how, by in PROMISES]
    parts += ["", "## Last whole runs", "", "| day | run | tried | wrong |", "|---|---|---|---|"]
    parts += [f"| {day} | `{run}` | {tried} | {wrong} |" for day, run, tried, wrong in TRIED]
    parts += ["", "## Exit codes", "", root.epilog, "", "## Faults", ""]
    parts += ["`make faults` runs them and prints this table with how each ended.", ""]
    parts += ["| | case | what happens | shown by |", "|---|---|---|---|"]
    shown = _tests_by_fault()
    parts += [
        f"| {number} | {case} | {says} | {_listed(shown[number])} |"
        for number, (case, says) in FAULTS.items()
    ]
    return "\n".join(parts) + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _tests_by_fault() -> dict[int, list[str]]:
    """The files with tests of each fault, by its number."""
    shown: dict[int, list[str]] = {number: [] for number in FAULTS}
    for path in sorted((FOLDER.parent / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        numbers = {n for name in TESTS.findall(text) for n in numbers_of(name)}
        if path.name == "test_bad_input.py":
            numbers |= bad_files.FAULTS.keys()
        for number in numbers:
            shown[number].append(str(path.relative_to(FOLDER.parent)))
    if missing := [number for number, files in shown.items() if not files]:
        raise SystemExit(f"no test of fault {missing}")
    return shown


PAGES = {
    "features.md": lambda: catalogue(list(FAMILIES.values())),
    "vocabulary.md": vocabulary,
    "commands.md": commands,
    "sources.md": sources,
    "outputs.md": outputs,
    "reliability.md": reliability,
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
