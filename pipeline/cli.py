"""The command line: reads arguments, calls one function per command, prints its answer.

Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import console
from pipeline.endings import INTERRUPTED, guarded
from pipeline.errors import UsageError
from pipeline.years import YEARS

if TYPE_CHECKING:
    from pipeline.config import Config

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Tells a business-to-business supplier which accounts are about to defect.",
    epilog="Exit codes: 0 done, 1 a check said no, 64 usage, 65 data, 66 missing input, "
    "69 service unavailable, 70 a bug of ours, 73 cannot write, 75 try again, 78 configuration.",
)


class LogForm(StrEnum):
    """What standard error is written for: people, or programs."""

    TEXT = "text"
    JSON = "json"


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    log: Annotated[
        LogForm,
        typer.Option("--log", help="`json`: standard error has one JSON object a line and step."),
    ] = LogForm.TEXT,
) -> None:
    """Options that stand before the command."""


def day(text: str) -> date:
    """A date as YYYY-MM-DD and nothing else."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise UsageError(f"{text!r} is not a date; write it as YYYY-MM-DD, for example 2026-01-01.")
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a date: {error}.") from None
    if found.year not in YEARS:
        raise UsageError(f"{text!r} lies before {YEARS[0]} or after {YEARS[-1]}; check the year.")
    return found


ConfigPath = Annotated[
    Path, typer.Option("--config", "-c", help="The configuration (YAML).", show_default=True)
]
AsOf = Annotated[
    str, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The snapshot: everything before it.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="FAMILY", help="Build only this feature family; may be repeated."),
]
DEFAULT_CONFIG = Path("configs/demo.yaml")


def _config(path: Path, *, with_label: bool = True) -> Config:
    """Read a config; with_label: for a command that uses the label, which the champion may say."""
    from pipeline.config import load_config

    config = load_config(path)
    if with_label and not config.label_is_written:
        from pipeline.tracking.settled_label import settle_label

        config, line = settle_label(config)
        console.complain(line)
    return config


@app.command(epilog="Example: `defection validate --config configs/demo.yaml`")
def validate(
    config: ConfigPath = DEFAULT_CONFIG,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Exit with 1 on warnings, and where `score` would refuse."),
    ] = False,
) -> None:
    """Check the sources against the contract and for what is odd; report everything at once."""
    from pipeline.commands import run_validate

    run_validate(_config(config, with_label=False), strict=strict)


@app.command(epilog="Example: `defection table --out training_table.parquet`")
def table(
    config: ConfigPath = DEFAULT_CONFIG,
    only: Only = None,
    out: Annotated[Path | None, typer.Option(help="The Parquet file to write.")] = None,
) -> None:
    """Write the training table: features and labels over all mature snapshots."""
    from pipeline.commands import run_table

    run_table(_config(config), out, only or ())


@app.command(epilog="Example: `defection features --as-of 2026-01-01 --cohort all`")
def features(
    as_of: AsOf,
    config: ConfigPath = DEFAULT_CONFIG,
    cohort: Annotated[str, typer.Option(help="`active` or `all`.")] = "active",
    only: Only = None,
    out: Annotated[Path | None, typer.Option(help="The Parquet file to write.")] = None,
) -> None:
    """Write the feature table of one snapshot."""
    from pipeline.commands import run_features

    if cohort not in ("active", "all"):
        raise UsageError(f"--cohort is {cohort!r}; it can be active or all.")
    run_features(_config(config), day(as_of), out, only or (), whole_cohort=cohort == "all")


@app.command(epilog="Example: `defection train --until 2025-12-01`")
def train(
    config: ConfigPath = DEFAULT_CONFIG,
    until: Annotated[
        str | None,
        typer.Option(metavar="YYYY-MM-DD", help="Use only what was known before this date."),
    ] = None,
) -> None:
    """Train, back-test, log to MLflow and register a challenger; never promotes."""
    from pipeline.commands import run_train

    run_train(_config(config), day(until) if until is not None else None)


@app.command(epilog="Example: `defection backtest --config configs/demo.yaml`")
def backtest(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """The long comparison: feature families, ways to calibrate, other labels and horizons."""
    from pipeline.commands import run_backtest

    run_backtest(_config(config))


@app.command(epilog="Example: `defection tune --trials 50 --seconds 600`")
def tune(
    config: ConfigPath = DEFAULT_CONFIG,
    trials: Annotated[int, typer.Option(min=1, help="How many settings to try in all.")] = 30,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Begin no further trial after so many seconds.")
    ] = None,
) -> None:
    """Search for better settings of the model; interrupted, it goes on where it stopped."""
    from pipeline.commands import run_tune

    run_tune(_config(config), trials, seconds)


By = Annotated[str | None, typer.Option(help="Who decides; asked for if absent.")]
Reason = Annotated[str | None, typer.Option(help="Why; asked for if absent.")]


def _answered(given: str | None, question: str, option: str) -> str:
    """What was given, or what a person at the terminal answers."""
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"A promotion records who and why: give {option} TEXT.")
    return str(typer.prompt(question))


@app.command(epilog="Example: `defection review --version 3 --reveal review_with_names.html`")
def review(
    config: ConfigPath = DEFAULT_CONFIG,
    version: Annotated[str, typer.Option(help="A number or an alias.")] = "challenger",
    reveal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write the page with the accounts' names, outside MLflow."
        ),
    ] = None,
) -> None:
    """Compare a version with the champion, ask the gate, and write review.html into its run."""
    from pipeline.commands import run_review

    run_review(_config(config), version, reveal)


@app.command(
    epilog="Example: `defection promote --version 3 --by 'A. Reviewer' --reason 'beats version 2'`"
)
def promote(
    version: Annotated[str, typer.Option(help="A version number, or `challenger`.")],
    by: By = None,
    reason: Reason = None,
    override: Annotated[
        bool, typer.Option("--override", help="Although the gate speaks against it; is recorded.")
    ] = False,
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Make a reviewed version the champion, and record who decided it and why."""
    from pipeline.commands import run_promote

    by = _answered(by, "Who decides?", "--by")
    reason = _answered(reason, "Why?", "--reason")
    run_promote(_config(config, with_label=False), version, by, reason, override=override)


@app.command(
    epilog="Example: `defection rollback --by 'A. Reviewer' --reason 'lists of version 4 look odd'`"
)
def rollback(by: By = None, reason: Reason = None, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Put the champion before this one into use again, and record who decided it and why."""
    from pipeline.commands import run_rollback

    by = _answered(by, "Who decides?", "--by")
    run_rollback(_config(config, with_label=False), by, _answered(reason, "Why?", "--reason"))


@app.command(epilog="Example: `defection history --config configs/demo.yaml`")
def history(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Print who promoted which version when, and why."""
    from pipeline.commands import run_history

    run_history(_config(config, with_label=False))


@app.command(epilog="Example: `defection status --config configs/demo.yaml`")
def status(
    config: ConfigPath = DEFAULT_CONFIG,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="YYYY-MM-DD", help="The day on which to judge lateness; today if absent."
        ),
    ] = None,
) -> None:
    """Show the state of store, champion and lists, and when the next list is due.

    An attempt that was refused after the last list is shown with its reason. Exits with 1 when the
    next list is late or anything is damaged. Writes nothing.
    """
    from pipeline.commands import run_status

    run_status(_config(config, with_label=False), day(on) if on is not None else None)


@app.command(epilog="Example: `defection restore --config configs/demo.yaml`")
def restore(
    config: ConfigPath = DEFAULT_CONFIG,
    copy: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Go back to this copy of mlflow.db, or to `newest`, even if nothing is wrong.",
        ),
    ] = "",
) -> None:
    """Repair the MLflow store.

    A damaged mlflow.db is replaced by its newest copy and kept aside. A store that was moved uses
    its own folder again. An alias `champion` that was changed by hand follows the last promotion
    again.
    """
    from pipeline.commands import run_restore

    run_restore(_config(config, with_label=False), copy)


@app.command(epilog="Example: `defection score --as-of 2026-01-01`")
def score(
    as_of: AsOf,
    config: ConfigPath = DEFAULT_CONFIG,
    model: Annotated[str, typer.Option(help="An alias or a version number.")] = "champion",
    replay: Annotated[
        bool, typer.Option("--replay", help="Allow a date that the model's labels reach beyond.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be read and written; write nothing.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Publish although the sources differ much from before; the reason is recorded.",
        ),
    ] = None,
) -> None:
    """Score the accounts of a snapshot and publish the ranked list."""
    from pipeline.commands import run_dry_run, run_score

    run = run_dry_run if dry_run else run_score
    run(_config(config), day(as_of), model, replay=replay, accept=accept)


@app.command(epilog="Example: `defection explain --account A000836 --as-of 2026-01-01`")
def explain(
    account: Annotated[str, typer.Option(metavar="ID", help="The account's id.")],
    as_of: AsOf,
    config: ConfigPath = DEFAULT_CONFIG,
    model: Annotated[str, typer.Option(help="An alias or a version number.")] = "champion",
) -> None:
    """Print one account whole: risk, reasons, what to do, what moved, its latest events."""
    from pipeline.commands import run_explain

    run_explain(_config(config), account, day(as_of), model)


@app.command(epilog="Example: `defection monitor --as-of 2026-01-01`")
def monitor(
    as_of: AsOf,
    config: ConfigPath = DEFAULT_CONFIG,
    model: Annotated[str, typer.Option(help="An alias or a version number.")] = "champion",
) -> None:
    """Look for drift in what is scored, and at what came of earlier lists; 1 means an alarm."""
    from pipeline.commands import run_monitor

    run_monitor(_config(config), day(as_of), model)


@app.command(
    epilog="Example: `defection simulate --out market --accounts 2000 --months 30 --seed 7`"
)
def simulate(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    accounts: Annotated[int, typer.Option(min=1, help="How many accounts.")] = 2000,
    months: Annotated[int, typer.Option(min=1, help="How many months of history.")] = 30,
    seed: Annotated[int, typer.Option(min=0, help="Of all random choices.")] = 7,
    world: Annotated[
        str,
        typer.Option(
            help="Why accounts leave and what shows first: standard, chance, decline-first, "
            "contacts-first, arrivals, rare or seasonal."
        ),
    ] = "standard",
    effect: Annotated[
        str, typer.Option(help="How hard events wear the relationships: half, usual or double.")
    ] = "usual",
) -> None:
    """Write a simulated market with known truth, for trying things out."""
    from pipeline.commands import run_simulate

    run_simulate(out, accounts, months, seed, world, effect)


@app.command(epilog="Example: `defection catalogue --config configs/demo.yaml`")
def catalogue(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Its families and windows; all of ours if absent."),
    ] = None,
) -> None:
    """Print the feature catalogue as Markdown."""
    from pipeline.commands import run_catalogue

    run_catalogue(_config(config, with_label=False) if config is not None else None)


@app.command(epilog="Example: `defection ui --config configs/demo.yaml`")
def ui(config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Open the MLflow UI over the runs and models, on this machine only."""
    from pipeline.tracking.ui import serve_ui

    settings = _config(config, with_label=False).tracking
    raise typer.Exit(serve_ui(settings.folder, console.say, settings.experiment, config=config))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; an error is a message, not a traceback.

    arguments: those of the process if absent.
    """
    arguments = [*(sys.argv[1:] if arguments is None else arguments)]
    options, command = _before_command(arguments)
    as_json = f"--log={LogForm.JSON}" in options
    console.begin_command()
    with console.json_log(command) if as_json else nullcontext():
        return _run(arguments, debug="--debug" in options)


def _before_command(arguments: list[str]) -> tuple[list[str], str]:
    """The options before the command, `--log json` as one word, and the command, if there is one.

    Read before the command line is understood: it may be what cannot be.
    """
    options: list[str] = []
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return options, word
        options.append(f"{word}={next(words, '')}" if word == "--log" else word)
    return options, ""


def _run(arguments: list[str], *, debug: bool) -> int:
    return guarded(lambda: _understood(arguments), debug=debug)


def _understood(arguments: list[str]) -> object:
    command = typer.main.get_command(app)
    ended = command.main(arguments, prog_name="defection", standalone_mode=False)
    if ended == INTERRUPTED:  # Typer makes this code of Ctrl-C
        raise KeyboardInterrupt
    return ended


if __name__ == "__main__":
    sys.exit(main())
