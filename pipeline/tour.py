"""The whole way at once, for `make demo` and `make retail`: the commands one after the other.

Reads CONFIG, AS_OF, ACCOUNTS and MONTHS from the environment. Every command is said before it
runs, the promotion too, so that the same can be typed by hand.
"""

from __future__ import annotations

import os
import shlex
import sys
from datetime import date
from pathlib import Path

from pipeline import cli, commands, console
from pipeline.config import load_config
from pipeline.endings import guarded
from pipeline.errors import UsageError
from pipeline.output_files import short
from pipeline.scoring.publication import Publication
from pipeline.training.evaluation import BG_NBD, MODEL, RIVAL, gain_over
from pipeline.training.keep_list_report import headline
from pipeline.training.record import Registered

SIMULATED_UNTIL = date(2026, 1, 1)
MARKET = Path("var/demo/market")
SEED = 7


def tour(path: Path, as_of: date, *, simulate: bool) -> None:
    """Simulate if asked, then validate, train, promote and score; ends with a summary."""
    if simulate:
        accounts, months = _whole("ACCOUNTS"), _whole("MONTHS")
        _say(
            "simulate", "--out", MARKET, "--accounts", accounts, "--months", months, "--seed", SEED
        )
        commands.run_simulate(MARKET, accounts, months, SEED)
    config = load_config(path)
    _say("validate", "--config", path)
    commands.run_validate(config)
    _say("train", "--config", path)
    registered, reviewed = commands.run_train(config, None)
    by, reason = "make", "tried out; nobody has reviewed it"
    override = bool(reviewed.objections)  # a small market; the list is shown all the same
    _say(
        *("promote", "--config", path, "--version", registered.version, "--by", by),
        *("--reason", reason, *(["--override"] if override else [])),
    )
    commands.run_promote(config, str(registered.version), by, reason, override=override)
    _say("score", "--config", path, "--as-of", as_of)
    publication = commands.run_score(config, as_of, "champion", replay=False)
    console.say()
    for line in summary(config.name, registered, publication, simulated=simulate):
        console.say(line)


def summary(
    name: str, registered: Registered, publication: Publication, *, simulated: bool
) -> list[str]:
    """A few lines: how good the model is beside the baselines, where the list lies, what next."""
    evaluation = registered.trained.evaluation
    tests = evaluation.tests
    auc = {scorer: f"{evaluation.value('auc', scorer):.4f}" for scorer in evaluation.scorers}
    error = {name: evaluation.value("calibration_error", name) for name in (MODEL, RIVAL)}
    keep_list = registered.trained.keep_list
    caught = [] if keep_list is None else [f"  keep list    {headline(keep_list)}"]
    textbook = f"BG/NBD {auc[BG_NBD]}; " if BG_NBD in auc else ""
    gain = evaluation.of(gain_over(RIVAL))
    market = "a simulated market, not real customers" if simulated else name
    folder = short(publication.folder)
    return [
        f"Summary: {market}",
        f"  measured     out of time on {len(tests)} snapshots, {tests[0]} to {tests[-1]}",
        *caught,
        f"  AUC          {auc[MODEL]}; {textbook}"
        f"logistic on recency, frequency, spend {auc[RIVAL]}; recency {auc['recency']}",
        f"  gain         {gain.value:+.4f} over the logistic, 95 % interval {gain.low:+.4f} "
        f"to {gain.high:+.4f}",
        f"  calibration  {error[MODEL]:.3f} off on average; logistic {error[RIVAL]:.3f}",
        f"  model        version {registered.version}, now the champion",
        f"  scored       {publication.manifest['rows']['scores']:,} accounts as of "
        f"{publication.manifest['as_of']}",
        f"  all scores   {folder}/scores.parquet",
        f"  as a table   {folder}/call_list.xlsx",
        f"  call list    {folder}/call_list.html",
        "  look at it   open the call list in a browser; the model: make ui",
    ]


def _whole(name: str) -> int:
    text = os.environ[name]
    if not text.isdecimal():
        raise UsageError(f"{name} is {text!r}; it should be a whole number.")
    return int(text)


def _say(*command: object) -> None:
    console.say("\n$ defection " + " ".join(shlex.quote(str(part)) for part in command))


def main() -> None:
    """Entry of `python -m pipeline.tour [--simulate]`."""

    def start() -> None:
        as_of = cli.day(os.environ.get("AS_OF") or str(SIMULATED_UNTIL))
        tour(Path(os.environ["CONFIG"]), as_of, simulate="--simulate" in sys.argv[1:])

    sys.exit(guarded(start))


if __name__ == "__main__":
    main()
