"""A command whose outputs, MLflow store or temporary files lie where there is no room.

The place is a file system in memory, seen by the command alone and by nobody else: mounted in a
namespace of its own, which needs no root where the kernel lets users have one.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from command_line import DEFECTION, environment
from commands import Command
from namespaces import IN_A_NAMESPACE
from small_worlds import World, copied
from wholeness import faults

_PAGE = 4096

_RUN_TWICE = r"""
mount -t tmpfs -o size="$SIZE" room "$PLACE" || exit 99
cp -a "$CONTENT/." "$PLACE/" || exit 98
if test "$READ_ONLY"; then mount -o remount,ro "$PLACE" || exit 97; fi
for time in first second; do
    "$@" >/dev/null 2>"$RESULT/$time.err"
    echo $? >"$RESULT/$time.code"
    cp -a "$PROJECT" "$RESULT/$time"
    cp -a "$TEMPORARY" "$RESULT/$time.temporary"
    mount -o remount,rw,size=500m "$PLACE" || exit 96
done
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended without room, and the same one with room again.

    faults: what was wrong after each, as sentences.
    """

    code: int
    said: str
    code_with_room: int
    said_with_room: str
    faults: tuple[str, ...]


def without_room(
    world: World, command: Command, after: Path, place: Path, *, spare: int | None
) -> Ended:
    """Run a command, then once more with room.

    after: the project as an undisturbed run leaves it. place: a folder of the project, or that of
    temporary files. spare: bytes that are left there; None makes it read-only.
    """
    world.put_back(command.world)
    place.mkdir(parents=True, exist_ok=True)
    result, content = world.keep / "room", world.keep / "content"
    shutil.rmtree(result, ignore_errors=True)
    result.mkdir()
    copied(place, content)
    used = sum(
        -(-max(path.stat().st_size, 1) // _PAGE) * _PAGE
        for path in content.rglob("*")
        if path.is_file()
    )
    variables = {
        "SIZE": str(used + (spare if spare is not None else 100 * _PAGE)),
        "READ_ONLY": "" if spare is not None else "yes",
        "PLACE": str(place),
        "CONTENT": str(content),
        "RESULT": str(result),
        "PROJECT": str(world.folder),
        "TEMPORARY": str(world.temporary),
    }
    words = [str(DEFECTION), *world.words(command)]
    done = subprocess.run(
        [*IN_A_NAMESPACE, "sh", "-c", _RUN_TWICE, "sh", *words],
        cwd=world.folder,
        env=environment(**world.environment(), **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"no such place: {done.returncode} {done.stderr}")
    wrong = []
    for time, again in (("first", False), ("second", True)):
        copied(result / time, world.folder)
        copied(result / f"{time}.temporary", world.temporary)
        found = [*faults(world, command, after, done=again), *_left(world)]
        wrong += [f"{'with' if again else 'without'} room: {fault}" for fault in found]
    codes = [int((result / f"{time}.code").read_text()) for time in ("first", "second")]
    said = [(result / f"{time}.err").read_text() for time in ("first", "second")]
    return Ended(codes[0], said[0], codes[1], said[1], tuple(wrong))


def _left(world: World) -> Iterator[str]:
    for folder in (world.folder, world.temporary):
        for path in folder.rglob("*defection-scratch-*"):
            yield f"{path} is left behind"
