"""Every command that writes: how it is started, from what, what it owns, and how it shows itself.

To add one, add an entry; that is all there is to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from outputs import Files, Journal, Output, Publications
from project import AS_OF
from running import Sign, file, filled, step
from store import Store

from pipeline.monitoring.monitor import PAGE, REPORT
from pipeline.scoring.publication import MANIFEST, UNFINISHED
from pipeline.scoring.score import FILES

DATABASE_VARIABLE = "CRASH_DATABASE_URL"
SCRATCH = "defection-scratch-*"
_PLACE = f"as_of={AS_OF}/model_version=1/revision=1"
_WRITTEN = ("scores.parquet", "features.parquet", "call_list.html", "manifest.json")
_SAID = ("--by", "a test", "--reason", "to see")

# From what a command starts: see `small_worlds.World`.
EMPTY, CHALLENGED, REPLACED = "empty", "challenged", "replaced"


@dataclass(frozen=True)
class Command:
    """One command.

    world: from what it starts. owns: what it writes. writes: signs from which on it writes, in
    order, given the project's folder; the steps that it logs come before them by themselves.
    writing_step: the first of the steps in which it writes, if it logs any. share: of the kills.
    may_say: exit codes of a second run where the killed one had done everything.
    """

    name: str
    arguments: tuple[object, ...]
    world: str
    owns: tuple[Output, ...]
    share: int
    writes: Callable[[Path], list[Sign]] = lambda folder: []
    writing_step: str = ""
    config: str = "config.yaml"
    may_say: frozenset[int] = frozenset({0})

    @property
    def configured(self) -> bool:
        """Whether it takes a config."""
        return self.name != "simulate"

    @property
    def title(self) -> str:
        """Its name, and what tells it from another with the same."""
        return f"{self.name} to PostgreSQL" if self.to_database else self.name

    @property
    def to_database(self) -> bool:
        """Whether it writes to a PostgreSQL server, too."""
        return self.config != "config.yaml"


def _scratch(folder: str) -> Callable[[Path], list[Sign]]:
    return lambda root: [file(root / folder, f"{SCRATCH}/*", "the first file")]


def _publishing(root: Path) -> list[Sign]:
    scores = root / "out" / "scores"
    return [
        *(file(scores, f"{UNFINISHED}/*/{name}") for name in _WRITTEN),
        file(scores, _PLACE),
    ]


def _logging(root: Path) -> list[Sign]:
    return [file(root, "mlflow/.open_runs/*", "the run")]


def _promoting(root: Path) -> list[Sign]:
    return [filled(root / "mlflow" / ".promotion.lock")]


_SCORES = Publications("out/scores", FILES, _PLACE)
_MONITOR = Publications("out/monitor", (REPORT, PAGE, MANIFEST), _PLACE)
_ASKED_TWICE = frozenset({0, 78})

COMMANDS = (
    Command(
        "simulate",
        ("--out", "simulated", "--accounts", 60, "--months", 12, "--seed", 2),
        EMPTY,
        (Files("simulated/*"),),
        share=20,
        writes=_scratch("simulated"),
    ),
    Command(
        "validate",
        (),
        EMPTY,
        (Files("out/validation/*"),),
        share=20,
        writes=_scratch("out/validation"),
    ),
    Command(
        "features",
        ("--as-of", AS_OF),
        EMPTY,
        (Files("out/features_*.parquet"),),
        share=18,
        writes=_scratch("out"),
    ),
    Command(
        "table", (), EMPTY, (Files("out/training_table.parquet"),), share=18, writes=_scratch("out")
    ),
    Command(
        "train",
        (),
        CHALLENGED,
        (Store(),),
        share=16,
        writes=_logging,
        writing_step="Logging to MLflow",
    ),
    Command(
        "backtest",
        (),
        CHALLENGED,
        (Store(),),
        share=4,
        writes=_logging,
        writing_step="Logging to MLflow",
    ),
    Command(
        "tune",
        ("--trials", 2),
        CHALLENGED,
        (Store(), Journal("out/tune/*.jsonl")),
        share=8,
        writes=_logging,
        writing_step="Trying settings",
    ),
    Command(
        "review",
        ("--version", 2, "--reveal", "out/review.html"),
        CHALLENGED,
        (Store(), Files("out/review.html")),
        share=6,
        writing_step="Writing the review",
    ),
    Command(
        "promote",
        ("--version", "challenger", *_SAID, "--override"),
        CHALLENGED,
        (Store(),),
        share=32,
        writes=_promoting,
        may_say=_ASKED_TWICE,
    ),
    Command(
        "rollback",
        _SAID,
        REPLACED,
        (Store(),),
        share=12,
        writes=_promoting,
        may_say=_ASKED_TWICE,
    ),
    Command(
        "restore",
        ("--copy", "newest"),
        REPLACED,
        (Store(),),
        share=6,
        writes=lambda root: [
            file(root / "mlflow" / "copies", "damaged-*"),
            file(root / "mlflow", f"{SCRATCH}/*"),
        ],
    ),
    Command(
        "score",
        ("--as-of", AS_OF),
        CHALLENGED,
        (_SCORES,),
        share=28,
        writes=_publishing,
        writing_step="Writing the publication",
    ),
    Command(
        "score",
        ("--as-of", AS_OF),
        CHALLENGED,
        (_SCORES,),
        share=8,
        writes=lambda root: [*_publishing(root), step("Writing to PostgreSQL")],
        writing_step="Writing the publication",
        config="config_database.yaml",
    ),
    Command(
        "monitor",
        ("--as-of", AS_OF),
        CHALLENGED,
        (_MONITOR, Store()),
        share=4,
        writes=_logging,
        writing_step="Logging to MLflow",
    ),
)
