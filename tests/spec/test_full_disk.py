"""A library that finds no room says it in its own way; the user reads one message."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from namespaces import IN_A_NAMESPACE, WHY_NOT, possible

from pipeline.endings import guarded

SPILL = """
import sys
from pathlib import Path
from pipeline.endings import guarded
from pipeline.engines.duckdb import DuckDBEngine
def act():
    with DuckDBEngine(threads=1, memory_bytes=2**26, spill_folder=Path(sys.argv[1])) as engine:
        engine.make("much", "SELECT hash(range) AS x, hash(range + 1) AS y FROM range(12000000)")
code = guarded(act)
print([path.name for path in Path(sys.argv[1]).iterdir()], flush=True)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a/b"), "/a/b"),
        (OSError(errno.EROFS, "Read-only file system", "/a/b"), "/a/b"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device")]), "the temporary folder"),
        (OSError("100000 requested and 4096 written"), "the temporary folder, TMPDIR"),
    ],
)
def test_it_names_the_place_and_what_to_do(error: OSError, place: str, capsys) -> None:
    def act() -> None:
        raise error

    assert guarded(act) == 73
    said = capsys.readouterr().err
    assert said.startswith(f"defection: {place}") and ": cannot be written: " in said
    assert "Free some space" in said


def test_another_error_of_the_system_is_not_passed_off_as_one(capsys) -> None:
    def act() -> None:
        raise OSError(errno.EIO, "Input/output error", "/a/b")

    assert guarded(act) == 70


def test_temporary_files_of_all_kinds_lie_in_one_folder_that_goes(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    def act() -> None:
        tempfile.mkdtemp()
        assert os.environ["JOBLIB_TEMP_FOLDER"] == os.environ["TMPDIR"] != str(tmp_path)
        assert len([*tmp_path.iterdir()]) == 1

    assert guarded(act) == 0
    assert [*tmp_path.iterdir()] == []


@pytest.mark.long
@pytest.mark.starts_process
@pytest.mark.skipif(not possible(), reason=WHY_NOT)
@pytest.mark.parametrize(("size", "code"), [("16m", 73), ("800m", 0)])
def test_the_engine_that_finds_no_room_to_spill_names_the_folder_and_the_setting(
    tmp_path: Path, size: str, code: int
) -> None:
    mounted = f'mount -t tmpfs -o size={size} room "$1" && exec "$2" -c "$3" "$1"'
    words = ["sh", "-c", mounted, "sh", str(tmp_path), sys.executable, SPILL]
    ended = subprocess.run([*IN_A_NAMESPACE, *words], capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stderr
    assert ended.stdout == "[]\n"
    if code:
        assert f"{tmp_path}: there is no room" in ended.stderr
        assert "`engine.spill_folder`" in ended.stderr
