"""One input through the real `validate`, in this process, and all that is wrong with how it ended.

The engine is kept between inputs where its limits are the same, as a process would not: so a view,
a table or a setting that one input leaves behind meets the next one, and opening is not paid for
each time.
"""

from __future__ import annotations

import faulthandler
import io
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

from fuzz_input import BAD_CONFIG, OK, FuzzInput
from small_files import CONFIG

from features.contract import TABLES
from pipeline import commands
from pipeline.config import Config, load_config
from pipeline.config.playbook import load_playbook
from pipeline.endings import guarded
from pipeline.engines.duckdb import DuckDBEngine, QueryError
from pipeline.sources import readable_paths
from pipeline.sources.validation import validate

PATIENCE = 10.0
"""Seconds after which an input counts as one that hangs; the process is ended then."""

LONGEST_MESSAGE = 100_000  # characters
_KEPT_ENGINES = 10
_USES = 2000  # of an engine
_BUG = 70
_OWN_TABLES = {*TABLES, *(f"quarantine_{name}" for name in TABLES)}


class Trials:
    """Runs inputs one after the other in a folder; log: where a hang's traceback goes."""

    def __init__(self, folder: Path, log: TextIO) -> None:
        self.folder = folder / "project"
        self._scratch = folder / "scratch"
        self._log = log
        self._engines: dict[tuple[object, ...], tuple[DuckDBEngine, ExitStack]] = {}
        self._uses: dict[tuple[object, ...], int] = {}
        self._shipped = load_playbook(None)

    def close(self) -> None:
        """Close the engines."""
        for _, opened in self._engines.values():
            opened.close()
        self._engines.clear()

    def run(self, given: FuzzInput) -> tuple[int, list[str]]:
        """The exit code, and what is wrong with it, with what was said, and with what is left."""
        self._write(given)
        faulthandler.dump_traceback_later(PATIENCE, exit=True, file=self._log)
        with self._kept_engines() as left:
            code, said = self._validate(given)
        faulthandler.cancel_dump_traceback_later()
        wrong = [*left]
        codes = {*given.codes}
        if "`engine.memory_mib`" in said:  # too little memory for the query: the setting is named
            codes.add(BAD_CONFIG)
        if code not in codes:
            wrong.append(f"ends with {code}, not {' or '.join(map(str, sorted(codes)))}")
        wrong += [f"does not say {text!r}" for text in given.says if text not in said]
        if code != OK and "defection: " not in said:
            wrong.append("fails without a word")
        if len(said) > LONGEST_MESSAGE:
            wrong.append(f"says {len(said):,} characters")
        if code == _BUG:
            lines = [line for line in said.splitlines() if ".so" not in line]
            wrong.append("\n".join([*lines[:6], "...", *lines[-12:]]))
        wrong += self._left_behind(given)
        return code, wrong

    def _write(self, given: FuzzInput) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name, content in given.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _validate(self, given: FuzzInput) -> tuple[int, str]:
        """The command's exit code and all that it prints, the traceback of a bug included."""
        printed = io.BytesIO()
        out = io.TextIOWrapper(printed, "utf-8", write_through=True)
        err = io.TextIOWrapper(printed, "utf-8", errors="backslashreplace", write_through=True)
        act = self._act(given)

        def told() -> None:
            try:
                act()
            except Exception:
                trace.append(traceback.format_exc())
                raise

        trace: list[str] = []
        with redirect_stdout(out), redirect_stderr(err):
            code = guarded(told)
        said = printed.getvalue().decode(errors="replace")
        return code, said + "".join(trace) if code == _BUG else said

    def _act(self, given: FuzzInput) -> Callable[[], object]:
        path = self.folder / CONFIG
        if not given.changing:
            return lambda: commands.run_validate(load_config(path))
        changing = self.folder / given.changing

        def writer(step: str) -> None:
            if step == "reading reps":
                changing.write_bytes(changing.read_bytes() + b"\n")

        def watched() -> None:
            config = load_config(path)
            with DuckDBEngine(readable_paths(config), threads=1) as engine:
                validate(config, engine, writer)

        return watched

    @contextmanager
    def _kept_engines(self) -> Iterator[list[str]]:
        """Let the command have an engine of before; gives what it has left there in the end."""
        left: list[str] = []
        opened: list[DuckDBEngine] = []
        real_open, real_playbook = commands.open_engine, commands.load_playbook

        @contextmanager
        def kept(config: Config) -> Iterator[DuckDBEngine]:
            if config.engine.spill_folder:  # below the project's folder, which goes with the input
                with real_open(config) as engine:
                    yield engine
                return
            engine = self._engine(config)
            opened.append(engine)
            yield engine

        def playbook(path: Path | None, own: object = ()) -> object:
            return self._shipped if path is None else real_playbook(path, own)  # type: ignore[arg-type]

        commands.open_engine = kept  # type: ignore[assignment]
        commands.load_playbook = playbook  # type: ignore[assignment]
        try:
            yield left
        finally:
            commands.open_engine, commands.load_playbook = real_open, real_playbook
        for engine in opened:
            try:
                found = engine.rows("SELECT table_name FROM information_schema.tables")
            except QueryError:  # a fatal error: nothing can be asked of it any more
                self._forget(engine)
                continue
            names = {name for (name,) in found}
            left += [f"{name} is left in the engine" for name in sorted(names - _OWN_TABLES)]
            engine.drop(*(names & _OWN_TABLES))
            if left:
                self._forget(engine)

    def _engine(self, config: Config) -> DuckDBEngine:
        choices = config.engine
        limits = (choices.threads, choices.memory_share, choices.memory_mib)
        key = (*readable_paths(config), *limits)
        engine, opened = self._engines.pop(key, None) or self._opened(config)
        if self._uses.setdefault(key, 0) >= _USES:
            opened.close()
            engine, opened = self._opened(config)
            self._uses[key] = 0
        self._engines[key] = engine, opened  # the newest stands last
        self._uses[key] += 1
        if len(self._engines) > _KEPT_ENGINES:
            oldest = next(iter(self._engines))
            self._engines.pop(oldest)[1].close()
            del self._uses[oldest]
        return engine

    def _opened(self, config: Config) -> tuple[DuckDBEngine, ExitStack]:
        """A new engine, whose folder does not go with the command that asks for it."""
        self._scratch.mkdir(exist_ok=True)
        place, tempfile.tempdir = tempfile.tempdir, str(self._scratch)
        opened = ExitStack()
        try:
            return opened.enter_context(_real_engine(config)), opened
        finally:
            tempfile.tempdir = place

    def _forget(self, engine: DuckDBEngine) -> None:
        for key, (kept, opened) in [*self._engines.items()]:
            if kept is engine:
                del self._engines[key], self._uses[key]
                opened.close()

    def _left_behind(self, given: FuzzInput) -> Iterator[str]:
        for name, content in given.files.items():
            if name != given.changing and (self.folder / name).read_bytes() != content:
                yield f"{name} has changed"
        for path in self.folder.rglob(".*"):
            if path.name != ".keep":
                yield f"{path.relative_to(self.folder)} is left behind"


_real_engine = commands.open_engine


def resources() -> dict[str, int]:
    """What grows where something leaks: open files, threads, resident KiB (peak)."""
    import resource
    import threading

    files = Path("/proc/self/fd")
    return {
        "open files": len([*files.iterdir()]) if files.exists() else 0,
        "threads": threading.active_count(),
        "peak MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        // (1024**2 if sys.platform == "darwin" else 1024),
    }
