"""Kills `score` again and again, and looks what is left: `make crash N=100`.

Each time the publications are put back as they were, `score` is started, and it is killed with
SIGKILL at a moment of its life. Then what is published must be whole, and the same command again
must complete and publish the bytes of a run that nobody disturbed. A few are killed while they
write to a PostgreSQL server as well, where there are its programs.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
from clusters import binaries, cluster
from moments import Moment, moments
from project import AS_OF, DEFECTION, FIRST_LIST, STEPS_OF_SCORE, Project, environment, make_project
from publications import LATEST, contents, differences, faults
from running import START, Running, Sign, file, step

from pipeline.market import simulate
from pipeline.scoring.publication import UNFINISHED

WRITING = STEPS_OF_SCORE[-1]
TO_DATABASE = "Writing to PostgreSQL"
URL = "CRASH_DATABASE_URL"
TABLE = "defection_scores"
_SINK_SHARE = 10  # one kill of so many more is for the table of a server
_TRIES = 5  # draws of a moment until one comes before the end


@dataclass
class Found:
    """What became of the kills; faults: sentences, with the moment before each."""

    state: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Scored:
    """A project in which a list is to be published, and has been before by nobody.

    variables: of the environment in which `score` runs; its temporary files have a folder of their
    own.
    """

    def __init__(self, project: Project, keep: Path) -> None:
        self.project, self.keep = project, keep
        self.root = project.scores
        self.temporary = project.folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        self.variables = {"TMPDIR": str(self.temporary)}
        shutil.copytree(self.root, keep / "before")
        self.before = contents(self.root)
        self.folder = self.root / f"as_of={AS_OF}" / "model_version=1" / "revision=1"

    def signs(self, *, sink: bool) -> list[Sign]:
        """How far a `score` has come, in order."""
        written = ("scores.parquet", "features.parquet", "call_list.html", "manifest.json")
        unfinished = [file(self.root, f"{UNFINISHED}/*/{name}") for name in written]
        there = file(self.root, str(self.folder.relative_to(self.root)))
        end = [step(TO_DATABASE)] if sink else []
        return [START, *map(step, STEPS_OF_SCORE), *unfinished, there, *end]

    def start(self, *, sink: bool = False) -> Running:
        """Begin to score."""
        command = [str(DEFECTION), "--log", "json", "score", "--as-of", str(AS_OF)]
        command += ["--config", str(self.project.config)]
        signs = self.signs(sink=sink)
        return Running(command, self.project.folder, environment(**self.variables), signs)

    def put_back(self) -> None:
        """Let everything be published that was before, and nothing else."""
        shutil.rmtree(self.root)
        shutil.copytree(self.keep / "before", self.root)

    def undisturbed(self, *, sink: bool = False) -> tuple[Mapping[str, float], float]:
        """Score once, and keep what is published; when each sign was seen, and the end."""
        self.put_back()
        with self.start(sink=sink) as run:
            if run.end() != 0:
                raise RuntimeError("".join(run.log))
        shutil.rmtree(self.keep / "after", ignore_errors=True)
        shutil.copytree(self.folder, self.keep / "after")
        return run.at, run.seconds

    def killed(self, moment: Moment, *, sink: bool = False) -> bool:
        """Score, and kill it at a moment; False where it was done before."""
        self.put_back()
        with self.start(sink=sink) as run:
            return run.until(moment.sign, moment.delay)

    def state(self) -> str:
        """How far the killed run had come, by what it has left."""
        if self.folder.exists():
            pointed = self.folder.relative_to(self.root).as_posix() in self._latest()
            return "published" if pointed else "published, latest.json not yet moved"
        files = [path.name for path in (self.root / UNFINISHED).glob("*/*")]
        if "manifest.json" in files:
            return "after the manifest, not yet published"
        return "while writing" if files else "before writing"

    def _latest(self) -> str:
        return (self.root / LATEST).read_text()

    def faults(self) -> Iterator[str]:
        """What is wrong after a kill."""
        yield from faults(self.root, self.before)

    def faults_after_another_run(self) -> Iterator[str]:
        """What is wrong after the same command again."""
        done = self.project.defection("score", "--as-of", AS_OF, **self.variables)
        if done.returncode:
            yield f"the next run ends with {done.returncode}: {done.stderr}"
            return
        yield from self.faults()
        if [path.name for path in self.folder.parent.iterdir()] != [self.folder.name]:
            yield f"the next run has published {sorted(self.folder.parent.iterdir())}"
        yield from differences(self.folder, self.keep / "after")
        if self.folder.relative_to(self.root).as_posix() not in self._latest():
            yield f"{LATEST} does not point to what the next run published"
        left = [self.root / UNFINISHED, *self.temporary.iterdir()]
        yield from (f"{path} is left behind" for path in left if path.exists())


def kill_again_and_again(
    scored: Scored, count: int, seed: int, *, sink: str = "", say: bool = True
) -> Found:
    """Kill so many runs. sink: the connection string of a server that they write to as well."""
    at, end = scored.undisturbed(sink=bool(sink))
    names = [*at]
    writing = [TO_DATABASE] if sink else names[names.index(WRITING) :]
    found = Found()
    for number, first in enumerate(moments(at, end, writing, count, seed)):
        moment = first
        for _ in range(_TRIES):
            _empty_table(sink)
            if scored.killed(moment, sink=bool(sink)):
                break
            found.state["done before it was killed, drawn again"] += 1
            moment = Moment(moment.sign, moment.delay * 0.8)
        else:
            raise RuntimeError(f"always done before {first}")
        state = scored.state()
        wrong = [*scored.faults(), *_torn(sink, scored, whole=False)]
        wrong += [*scored.faults_after_another_run(), *_torn(sink, scored, whole=True)]
        found.state[state] += 1
        told = f"{moment.delay:.3f} s after {moment.sign!r}"
        found.faults += [f"killed {told} ({state}): {fault}" for fault in wrong]
        if say:
            print(f"  {number + 1:>4}  {state:<40}{told}{'  FAULT' if wrong else ''}", flush=True)
    return found


def _empty_table(url: str) -> None:
    if not url:
        return
    import psycopg

    with psycopg.connect(url) as connection:
        if connection.execute(f"SELECT to_regclass('{TABLE}')").fetchone() != (None,):
            connection.execute(f"DELETE FROM {TABLE} WHERE as_of = %s".encode(), [AS_OF])


def _torn(url: str, scored: Scored, *, whole: bool) -> Iterator[str]:
    """What is wrong with the table; whole: the rows must be there, else all or none may be."""
    if not url:
        return
    import psycopg

    with psycopg.connect(url) as connection:
        asked = f"SELECT account_id, risk FROM {TABLE} WHERE as_of = %s"
        rows = connection.execute(asked.encode(), [AS_OF]).fetchall()
    published = pq.read_table(scored.keep / "after" / "scores.parquet")
    wanted = [*zip(*(published[name].to_pylist() for name in ("account_id", "risk")), strict=True)]
    if sorted(rows, key=str) != sorted(wanted, key=str) and (whole or rows):
        yield f"the table has {len(rows)} rows that are not the {len(wanted)} published"


@contextmanager
def project_to_score() -> Iterator[Scored]:
    """A small simulated market with a champion and a list before."""
    with tempfile.TemporaryDirectory(prefix="crash-") as name:
        folder, market, keep = (Path(name) / part for part in ("project", "market", "keep"))
        for part in (folder, market, keep):
            part.mkdir()
        simulate(market, accounts=400, months=28, seed=11, end=AS_OF)
        project = make_project(folder, market)
        project.done("train")
        project.use_first_version()
        project.done("score", "--as-of", FIRST_LIST)
        yield Scored(project, keep)


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill as many runs as asked for, and print what became of them; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    with project_to_score() as scored:
        print(f"score, killed {asked.kills} times", flush=True)
        results = [kill_again_and_again(scored, asked.kills, asked.seed)]
        if programs := binaries():
            count = max(asked.kills // _SINK_SHARE, 1)
            print(f"score with a PostgreSQL server, killed {count} times more", flush=True)
            with cluster(programs) as url:
                scored.variables[URL] = url
                scored.project.change(scoring={"postgresql": {"url_variable": URL}})
                results.append(kill_again_and_again(scored, count, asked.seed, sink=url))
        else:
            print("no PostgreSQL server: apt-get install postgresql")
    wrong = [fault for found in results for fault in found.faults]
    for found in results:
        print()
        for state, count in found.state.most_common():
            print(f"  {count:>4}  {state}")
    print(f"\n{len(wrong)} faults")
    for fault in wrong:
        print(f"  {fault}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
