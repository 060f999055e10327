"""Kills every command that writes again and again, and looks what is left: `make crash N=200`.

Each time a small project is put back as it was, a command is started, and it is killed with SIGKILL
at a moment of its life. Then what it owns must be whole, and the same command again must end well
and leave what a run leaves that nobody disturbed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from clusters import binaries, cluster
from command_line import DEFECTION, environment
from commands import CHALLENGED, COMMANDS, DATABASE_VARIABLE, Command
from moments import Moment, moments
from project import FIRST_LIST
from running import START, step
from small_worlds import World, copied, small_world
from wholeness import contents, empty_table, faults, state

from pipeline.termination import sigterm_as_exit

_TRIES = 10  # draws of a moment until one comes before the end
_STILL_SCORES = 5  # every so many kills, the champion is asked whether it still scores


@dataclass
class Found:
    """What became of the kills of a command; faults: sentences, with the moment before each."""

    title: str
    state: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Killed:
    """One command in a world: run once undisturbed, and then killed as often as asked."""

    def __init__(self, world: World, command: Command) -> None:
        self.world, self.command = world, command
        self.after = world.keep / f"after {command.title}"
        self.put_back()
        writes = command.writes(world.folder)
        with world.start(command, [START, *writes]) as run:
            if run.end() != 0:
                raise RuntimeError("".join(run.log))
        seen = {**run.at, **run.steps}
        self.at = dict(sorted(seen.items(), key=lambda sign: sign[1]))
        self.end = run.seconds
        own = {sign.name: sign for sign in (START, *writes)}
        self.signs = [own.get(name) or step(name) for name in self.at]
        copied(world.folder, self.after)
        wrong = [*faults(world, command, self.after, done=True)]
        if wrong:
            raise RuntimeError(f"an undisturbed {command.name} is not whole: {wrong}")
        self._before = contents(world.before(command))

    def put_back(self) -> None:
        """Let everything be as it was before the command."""
        self.world.put_back(self.command.world)
        if self.command.to_database:
            empty_table(self.world)

    @property
    def writing(self) -> list[str]:
        """The signs, as seen, from which on it writes."""
        names = [*self.at]
        own = [sign.name for sign in self.command.writes(self.world.folder)]
        first = self.command.writing_step or own[0]
        return names[names.index(first) :] if first in names else names[-1:]

    def again_and_again(self, count: int, seed: int, *, say: bool) -> Found:
        """Kill it so many times."""
        title = self.command.title
        found = Found(title)
        for number, first in enumerate(moments(self.at, self.end, self.writing, count, seed)):
            moment = self._killed(first, found)
            told = f"{moment.delay:.3f} s after {moment.sign!r}"
            changed = contents(self.world.folder) != self._before
            how_far = state(self.world, self.command, self.after, changed=changed)
            wrong = [*faults(self.world, self.command, self.after, done=False)]
            if self.command.world == CHALLENGED and number % _STILL_SCORES == 0:
                wrong += self._champion_faults()
            wrong += self._faults_after_another_run(how_far)
            found.state[how_far] += 1
            found.faults += [f"{title} killed {told} ({how_far}): {fault}" for fault in wrong]
            if say:
                print(
                    f"  {title:<20}{number + 1:>4}  {how_far:<18}{told}"
                    f"{'  FAULT' if wrong else ''}",
                    flush=True,
                )
        return found

    def _killed(self, first: Moment, found: Found) -> Moment:
        moment = first
        for _ in range(_TRIES):
            self.put_back()
            with self.world.start(self.command, self.signs) as run:
                if run.until(moment.sign, moment.delay):
                    return moment
            found.state["ended before"] += 1
            moment = Moment(moment.sign, moment.delay * 0.6)
        raise RuntimeError(f"{self.command.name} always done before {first}")

    def _champion_faults(self) -> Iterator[str]:
        """Whether a list can still be made with the version in use; nothing is written."""
        asked = ["score", "--as-of", FIRST_LIST, "--dry-run", "--config", "config.yaml"]
        done = self._run(asked)
        if done.returncode:
            yield f"the champion does not score any more: {done.stderr}"

    def _faults_after_another_run(self, how_far: str) -> Iterator[str]:
        done = self._run(self.world.words(self.command))
        allowed = self.command.may_say if how_far == "all written" else {0}
        if done.returncode not in allowed:
            yield f"the next run ends with {done.returncode}: {done.stderr[-800:]}"
            return
        yield from faults(self.world, self.command, self.after, done=True)

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(DEFECTION), *words],
            cwd=self.world.folder,
            env=environment(**self.world.environment()),
            capture_output=True,
            text=True,
            check=False,
        )


def shares(commands: Sequence[Command], kills: int) -> Mapping[Command, int]:
    """How often each is killed, in all as often as asked, each at least once."""
    whole = sum(command.share for command in commands)
    parts = {command: max(1, kills * command.share // whole) for command in commands}
    for command in sorted(commands, key=lambda command: -command.share):
        if sum(parts.values()) < kills:
            parts[command] += 1
    return parts


@contextmanager
def with_database(world: World) -> Iterator[bool]:
    """A server for the world, where there are its programs; whether there is one."""
    programs = binaries()
    if programs is None:
        yield False
        return
    with cluster(programs) as url:
        world.variables[DATABASE_VARIABLE] = url
        yield True


def kill_all(
    world: World, commands: Sequence[Command], kills: int, seed: int, *, say: bool = True
) -> list[Found]:
    """Kill all of them, so many times in all."""
    found = []
    for command, count in shares(commands, kills).items():
        killed = Killed(world, command)
        found.append(killed.again_and_again(count, seed, say=say))
    return found


def table(results: Sequence[Found]) -> list[str]:
    """The counts by command and state."""
    states = ("nothing written", "half way", "all written", "ended before")
    lines = ["".join([f"{'command':<22}{'kills':>6}", *(f"{s:>17}" for s in states), "  faults"])]
    rows = [(each.title, each.state, len(each.faults)) for each in results]
    whole = sum((each.state for each in results), Counter())
    rows.append(("in all", whole, sum(len(each.faults) for each in results)))
    for title, counted, wrong in rows:
        kills = sum(counted[name] for name in states[:3])
        counts = "".join(f"{counted[name]:>17}" for name in states)
        lines.append(f"{title:<22}{kills:>6}{counts}{wrong:>8}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill as often as asked for, and print what became of it; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", help="the commands, all if absent")
    asked = parser.parse_args(arguments)
    with sigterm_as_exit(), small_world() as world, with_database(world) as served:
        if not served:
            print("no PostgreSQL server: apt-get install postgresql")
        commands = [
            command
            for command in COMMANDS
            if (served or not command.to_database)
            and (not asked.only or command.name in asked.only)
        ]
        results = kill_all(world, commands, asked.kills, asked.seed)
    print()
    print("\n".join(table(results)))
    wrong = [fault for found in results for fault in found.faults]
    print(f"\n{len(wrong)} faults")
    for fault in wrong:
        print(f"  {fault}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
