"""Throws bad CSV, Parquet, YAML and `.sql` at `validate`, and looks how each input ends.

Input number n is the same for the same seed, whatever came before it. All run in one process, which
is watched: where it dies or hangs, that is a fault of the input at hand, and another process goes
on behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import fuzz_csv
import fuzz_faults
import fuzz_parquet
import fuzz_sql
import fuzz_yaml
from fuzz_input import Draw, FuzzInput
from trial import Trials, resources

from pipeline import console

_DRAWS: dict[Draw, float] = {
    fuzz_csv.draw: 0.35,
    fuzz_parquet.draw: 0.3,
    fuzz_yaml.draw: 0.22,
    fuzz_sql.draw: 0.1,
    fuzz_faults.draw: 0.03,
}
_MEMORY = 6 << 30  # bytes of the process; whatever wants more is a fault, and no other process's
_SAVED = Path("var") / "fuzz"


@dataclass
class Found:
    """What a run has seen: how often each family ended with each code, and the faults."""

    ends: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    seconds: float = 0.0
    processes: list[dict[str, int]] = field(default_factory=list)

    def add(self, told: dict[str, object]) -> None:
        """One input's outcome, as the process that ran it told it."""
        number, seconds = int(str(told["number"])), float(str(told["seconds"]))
        self.ends[str(told["family"]), int(str(told["code"]))] += 1
        self.slowest = max(self.slowest, (seconds, number))
        if told["wrong"]:
            self.faults.append((number, str(told["wrong"])))

    def lines(self) -> Iterator[str]:
        """The outcome as text."""
        codes = sorted({code for _, code in self.ends})
        yield f"{'family':<18}{'inputs':>9}" + "".join(f"{code:>9}" for code in codes)
        for family in sorted({family for family, _ in self.ends}, key=_in_order):
            counts = [self.ends[family, code] for code in codes]
            yield f"{family:<18}{sum(counts):>9,}" + "".join(
                f"{count or '-':>9,}" if count else f"{'-':>9}" for count in counts
            )
        total = sum(self.ends.values())
        yield f"{'all':<18}{total:>9,}" + "".join(
            f"{sum(n for (_, c), n in self.ends.items() if c == code):>9,}" for code in codes
        )
        seconds, number = self.slowest
        yield (
            f"{total:,} inputs in {self.seconds:,.0f} s; the slowest, number {number}, took "
            f"{seconds:.1f} s"
        )
        for told in self.processes:
            yield "a process ended with " + ", ".join(f"{told[k]:,} {k}" for k in told)
        yield f"{len(self.faults)} faults"


def _in_order(family: str) -> tuple[str, int]:
    word, _, number = family.partition(" ")
    return (word, int(number)) if number.isdigit() else (family, 0)


def drawn(seed: int, number: int) -> FuzzInput:
    """The input of a number."""
    random = Random(f"{seed} {number}")
    (draw,) = random.choices([*_DRAWS], [*_DRAWS.values()])
    return draw(random)


def work(seed: int, numbers: Sequence[int], folder: Path) -> Iterator[dict[str, object]]:
    """Run inputs in this process; what became of each."""
    with (folder / "hang.txt").open("w") as log:
        trials = Trials(folder, log)
        for number in numbers:
            given = drawn(seed, number)
            (folder / "current.json").write_text(
                json.dumps({"number": number, "family": given.family})
            )
            began = time.monotonic()
            code, wrong = trials.run(given)
            told = "\n".join(wrong)
            if wrong:
                _save(trials.folder, seed, number, told)
            yield {
                "number": number,
                "family": given.family,
                "code": code,
                "seconds": time.monotonic() - began,
                "wrong": told,
            }
        trials.close()


def _save(project: Path, seed: int, number: int, why: str) -> None:
    place = _SAVED / f"seed-{seed}-number-{number}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(project, place)
    (place / "fault.txt").write_text(why, errors="replace")


def _worker(seed: int, numbers: range) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        print(name, file=told, flush=True)
        for outcome in work(seed, numbers, Path(name)):
            print(json.dumps(outcome), file=told, flush=True)
        print(json.dumps({"left": resources()}), file=told, flush=True)


def supervise(seed: int, numbers: range, found: Found) -> Iterator[None]:
    """Run a range of inputs in a process of their own, and again behind one that ended it."""
    while numbers:
        command = [sys.executable, __file__, "--seed", str(seed)]
        command += ["--worker", f"{numbers.start}:{numbers.stop}:{numbers.step}"]
        # It finds what this process finds, wherever that was told to look.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline().strip()
            if not first:
                raise RuntimeError("the process that is to run the inputs does not start")
            folder = Path(first)
            done = numbers.start - numbers.step
            for line in process.stdout:
                told = json.loads(line)
                if "left" in told:
                    found.processes.append(told["left"])
                    continue
                found.add(told)
                done = told["number"]
                yield
        if process.returncode == 0:
            return
        number = done + numbers.step
        why = f"the process ended with {process.returncode}\n{_hang(folder)}"
        if (folder / "project").exists():
            _save(folder / "project", seed, number, why)
        shutil.rmtree(folder, ignore_errors=True)
        family = drawn(seed, number).family
        found.add(
            {
                "number": number,
                "family": family,
                "code": process.returncode,
                "seconds": 0,
                "wrong": why,
            }
        )
        yield
        numbers = range(number + numbers.step, numbers.stop, numbers.step)


def _hang(folder: Path) -> str:
    try:
        return (folder / "hang.txt").read_text(errors="replace")
    except OSError:
        return ""


def fuzz(count: int, seed: int, jobs: int) -> Found:
    """Run so many inputs; jobs: processes beside one another."""
    found = Found()
    began = time.monotonic()
    running = [supervise(seed, range(job, count, jobs), found) for job in range(jobs)]
    with console.steps() as steps:
        steps.begin("Fuzzing validate", count)
        while running:
            for one in [*running]:
                if next(one, "done") == "done":
                    running.remove(one)
                else:
                    steps.advance()
    found.seconds = time.monotonic() - began
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as many inputs as asked for, or one; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="processes; one if absent")
    parser.add_argument("--only", type=int, help="the number of a single input")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.worker:
        _worker(asked.seed, range(*map(int, asked.worker.split(":"))))
        return 0
    if asked.only is not None:
        found = Found()
        for _ in supervise(asked.seed, range(asked.only, asked.only + 1), found):
            pass
    else:
        print(f"{asked.count:,} inputs, seed {asked.seed}, {asked.jobs} process(es)", flush=True)
        found = fuzz(asked.count, asked.seed, asked.jobs)
    print("\n".join(found.lines()))
    for number, why in sorted(found.faults):
        print(f"\nnumber {number}, seed {asked.seed}: {_SAVED}/seed-{asked.seed}-number-{number}")
        print("  " + why.strip().replace("\n", "\n  "))
    return bool(found.faults)


if __name__ == "__main__":
    sys.exit(main())
