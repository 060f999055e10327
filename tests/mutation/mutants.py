"""Draws mutants of the code, and shows which of them the tests of `make test` kill.

Needs what `make setup` does not install: `uv pip install cosmic-ray coverage pytest-cov`, and the
coverage of a run of the tests with contexts:

    pytest -n 2 -m "$BEFORE_A_COMMIT" --cov --cov-branch --cov-context=test --cov-report=
    python tests/mutation/mutants.py draw mutants.json --seed TEXT --count 24
    python tests/mutation/mutants.py run mutants.json

A mutant is known by its file, its operator and the lines it changes, so that the same mutants can
be run on a later version. Only tests whose contexts touch a changed line are run, at most a minute
and until the first fails. It mutates files in place and restores them.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from difflib import ndiff
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import MutationVisitor, use_mutation
from coverage import CoverageData

MUTATED = (
    "features/visibility.py",
    "features/compilation",
    "pipeline/tables/labels.py",
    "pipeline/scoring/publication.py",
)
SECONDS = 60
_QUICK_FIRST = ("spec", "parity", "laws", "end_to_end")


@dataclass(frozen=True)
class Mutant:
    """One change. before, after: the lines that it changes; line: of the first, from 1."""

    file: str
    operator: str
    before: str
    after: str
    line: int
    occurrence: int

    def same_as(self, other: Mutant) -> bool:
        """Whether both are the same change, wherever in the file it is."""
        return (self.file, self.operator, self.before, self.after) == (
            other.file,
            other.operator,
            other.before,
            other.after,
        )


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Every mutant of a file."""
    source = file.read_text()
    for name in sorted(cosmic_ray.plugins.operator_names()):
        operator = cosmic_ray.plugins.get_operator(name)
        if operator.arguments():
            continue  # needs a choice of ours
        for occurrence in range(10_000):
            visitor = MutationVisitor(occurrence, operator())
            changed = visitor.walk(get_ast(source)).get_code()
            if not visitor.mutation_applied:
                break
            yield _mutant(file, name, source, changed, occurrence)


def _mutant(file: Path, operator: str, source: str, changed: str, occurrence: int) -> Mutant:
    old, new = source.splitlines(), changed.splitlines()
    steps = [step for step in ndiff(old, new) if step[0] in "-+"]
    first = next(i for i, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1])
    removed, added = ("\n".join(s[2:] for s in steps if s[0] == sign) for sign in "-+")
    return Mutant(str(file), operator, removed, added, first + 1, occurrence)


def files() -> list[Path]:
    """The files that are mutated, sorted."""
    places = map(Path, MUTATED)
    return sorted(f for p in places for f in (p.glob("*.py") if p.is_dir() else [p]))


def draw(seed: str, count: int) -> list[Mutant]:
    """Draw mutants, each as likely as any other."""
    every = [mutant for file in files() for mutant in mutants_of(file)]
    return random.Random(seed).sample(every, count)


def tests_touching(data: CoverageData, file: str, line: int) -> list[str]:
    """The tests that ran a line, the quick ones first.

    Where it ran in a fixture, all tests of the file.
    """
    (measured,) = (name for name in data.measured_files() if name.endswith(file))
    found = set()
    for context in data.contexts_by_lineno(measured).get(line, ()):
        name, _, phase = context.rpartition("|")
        if "::" in name:
            test = name[name.index("tests/") :]  # a static context may stand before it
            found.add(test if phase == "run" else test.split("::")[0])
    whole = {test for test in found if "::" not in test}
    tests = [test for test in found if test in whole or test.split("::")[0] not in whole]
    return sorted(tests, key=lambda test: (_QUICK_FIRST.index(test.split("/")[1]), test))


def killed(mutant: Mutant, tests: list[str]) -> tuple[bool, str]:
    """Run the tests on the mutant; by which it was killed, if it was."""
    operator = cosmic_ray.plugins.get_operator(mutant.operator)()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p"]
    with use_mutation(Path(mutant.file), operator, mutant.occurrence):
        try:
            ended = subprocess.run(
                [*command, "no:randomly", *tests],
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return False, f"survived {SECONDS} seconds of tests"
    failed = [x for x in ended.stdout.splitlines() if x.startswith(("FAILED", "ERROR"))]
    return ended.returncode not in (0, 5), failed[0] if failed else ended.stdout[-200:]


def run(drawn: list[Mutant], coverage: Path) -> None:
    """Print of every mutant whether it is killed, and by what."""
    data = CoverageData(str(coverage))
    data.read()
    dead = 0
    for number, old in enumerate(drawn, start=1):
        same = [now for now in mutants_of(Path(old.file)) if now.same_as(old)]
        if not same:
            print(f"{number:>2}  gone       {old.file}:{old.line} {old.before.strip()}")
            continue
        mutant = min(same, key=lambda now: abs(now.line - old.line))
        tests = tests_touching(data, mutant.file, mutant.line)
        began = time.monotonic()
        is_dead, by = killed(mutant, tests) if tests else (False, "no test touches it")
        dead += is_dead
        print(
            f"{number:>2}  {'killed' if is_dead else 'SURVIVED'}  {mutant.file}:{mutant.line}  "
            f"{mutant.before.strip()}  ->  {mutant.after.strip()}  [{len(tests)} tests, "
            f"{time.monotonic() - began:.0f} s] {by}",
            flush=True,
        )
    print(f"{dead} of {len(drawn)} killed")


def main() -> None:
    """Entry."""
    parser = argparse.ArgumentParser()
    parser.add_argument("act", choices=["draw", "run"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of mutants; all if absent")
    parser.add_argument("--coverage", type=Path, default=Path(".coverage"))
    given = parser.parse_args()
    if given.act == "draw":
        drawn = draw(given.seed, given.count)
        given.file.write_text(json.dumps([asdict(mutant) for mutant in drawn], indent=1))
    else:
        drawn = [Mutant(**each) for each in json.loads(given.file.read_text())]
        run([drawn[number - 1] for number in given.only] if given.only else drawn, given.coverage)


if __name__ == "__main__":
    main()
