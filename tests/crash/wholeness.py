"""What is wrong with a project after a command was killed, and after it was run again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from commands import DATABASE_VARIABLE, Command
from project import AS_OF
from small_worlds import TABLE, World

_NAMED_ANEW = ("mlflow/artifacts/", "mlflow/copies/", "mlflow/.", "out/tune/", "out/.pseudonym_key")
"""Files that are named or filled anew each time, and locks; what they hold is asked elsewhere."""


def contents(project: Path) -> dict[str, str]:
    """The SHA-256 of every file, by its place."""
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in project.rglob("*")
        if path.is_file() and path.suffix != ".lock" and path.name != ".lock"
    }


def faults(world: World, command: Command, after: Path, *, done: bool) -> Iterator[str]:
    """What is not as it must be; done: after the command has been run again and has ended well.

    after: the project as an undisturbed run leaves it.
    """
    before = world.before(command)
    for output in command.owns:
        yield from output.faults(world.folder, before, after, done=done)
    if command.to_database:
        yield from _rows_faults(world, after, done=done)
    now, then = contents(world.folder), contents(before)
    named = {*then, *contents(after)}
    for name in sorted(now.keys() - named):
        if done and not name.startswith(_NAMED_ANEW):
            yield f"{name} is left behind"
    if done:
        yield from (f"{path.name} is left in the temporary folder" for path in _left(world))
        for folder in world.folder.rglob("*defection-scratch-*"):
            yield f"{folder.relative_to(world.folder)} is left behind"


def _left(world: World) -> list[Path]:
    return [*world.temporary.iterdir()]


def state(world: World, command: Command, after: Path, *, changed: bool) -> str:
    """How far a killed command had come, by what it has left."""
    if not changed:
        return "nothing written"
    temporary = ("left in the temporary folder", "left behind", "for ever")
    missing = [
        fault
        for fault in faults(world, command, after, done=True)
        if not any(sign in fault for sign in temporary)
    ]
    return "half way" if missing else "all written"


def _rows_faults(world: World, after: Path, *, done: bool) -> Iterator[str]:
    """The table has the rows that are published, or none of that date; done: the former."""
    import psycopg
    import pyarrow.parquet as pq

    with psycopg.connect(world.variables[DATABASE_VARIABLE]) as connection:
        asked = f"SELECT account_id, risk FROM {TABLE} WHERE as_of = %s"
        rows = connection.execute(asked.encode(), [AS_OF]).fetchall()
    (path,) = (after / "out" / "scores").glob(f"as_of={AS_OF}/*/*/scores.parquet")
    published = pq.read_table(path)
    wanted = [*zip(*(published[name].to_pylist() for name in ("account_id", "risk")), strict=True)]
    if sorted(rows, key=str) != sorted(wanted, key=str) and (done or rows):
        yield f"the table has {len(rows)} rows that are not the {len(wanted)} published"


def empty_table(world: World) -> None:
    """Take the rows of the date out of the server's table."""
    import psycopg

    with psycopg.connect(world.variables[DATABASE_VARIABLE]) as connection:
        if connection.execute(f"SELECT to_regclass('{TABLE}')").fetchone() != (None,):
            connection.execute(f"DELETE FROM {TABLE} WHERE as_of = %s".encode(), [AS_OF])
