"""Temporary folders: private, gone at the end, and gone after a kill once the next one is made."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import CannotWrite
from pipeline.scratch import ScratchFolder

HOLD = """
import sys, time
from pathlib import Path
from pipeline.scratch import ScratchFolder
folder = ScratchFolder(Path(sys.argv[1]))
(folder.path / "spilled").write_text("much")
print(folder.path, flush=True)
time.sleep(60)
"""


def test_it_is_private_and_gone_at_the_end(tmp_path: Path) -> None:
    with ScratchFolder(tmp_path) as folder:
        assert folder.path.stat().st_mode & 0o077 == 0
        (folder.path / "file").write_text("")
        assert [*tmp_path.iterdir()] == [folder.path]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["none", "x" * 300])
def test_it_cannot_be_made_just_anywhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotWrite, match="cannot be written"):
        ScratchFolder(tmp_path / name)


@pytest.mark.starts_process
def test_a_killed_process_leaves_one_that_the_next_removes_and_a_living_one_keeps_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "of somebody else").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with ScratchFolder(tmp_path):
            assert (theirs / "spilled").exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert (theirs / "spilled").exists()
    with ScratchFolder(tmp_path) as ours:
        assert {path.name for path in tmp_path.iterdir()} == {"of somebody else", ours.path.name}


def test_a_link_that_looks_like_one_is_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("")
    (tmp_path / "defection-scratch-link").symlink_to(kept)
    with ScratchFolder(tmp_path):
        pass
    assert (kept / "file").exists()
