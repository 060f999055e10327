"""How much memory an engine takes, and what is said where that is too little."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import ConfigError
from pipeline.memory import container_limits, limit_bytes, usable_bytes

MIB = 2**20


def groups(folder: Path, membership: str, **limits: str) -> list[int]:
    """The limits found where Linux would tell of these."""
    (folder / "membership").write_text(membership)
    for place, text in limits.items():
        file = folder / "root" / place.replace("__", "/")
        name = "memory.limit_in_bytes" if place.startswith("memory") else "memory.max"
        file.mkdir(parents=True, exist_ok=True)
        (file / name).write_text(text)
    return sorted(container_limits(folder / "membership", folder / "root"))


def test_the_limits_of_the_groups_around_the_process_count(tmp_path: Path) -> None:
    found = groups(tmp_path, "0::/job/step\n", job="4096\n", job__step="max\n", other="1\n")
    assert found == [4096]


def test_older_control_groups_have_a_tree_for_memory(tmp_path: Path) -> None:
    membership = "9:name=systemd:/\n4:memory:/job\n0::/\n"
    assert groups(tmp_path, membership, memory="9000\n", memory__job="8000\n") == [8000, 9000]


def test_in_a_container_the_own_group_is_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "memory.max").write_text("2048\n")
    (tmp_path / "membership").write_text("0::/outside/of/it\n")
    assert container_limits(tmp_path / "membership", tmp_path / "root") == [2048]


def test_where_nothing_is_told_there_is_no_limit(tmp_path: Path) -> None:
    assert container_limits(tmp_path / "absent", tmp_path) == []


def test_a_limit_is_a_share_of_what_there_is_or_a_number_of_mib() -> None:
    assert limit_bytes(0.5) == int(usable_bytes() * 0.5) > MIB
    assert limit_bytes(0.5, 256) == 256 * MIB


def test_what_does_not_fit_is_set_aside_on_disk() -> None:
    """40 MiB are allowed; a sorted copy of 80 MB of numbers, and its aggregate, need more."""
    with DuckDBEngine(threads=1, memory_bytes=40 * MIB) as engine:
        numbers = "SELECT hash(range) AS number, range AS place FROM range(5000000)"
        engine.make("numbers", f"SELECT * FROM ({numbers}) ORDER BY number")
        assert engine.rows("SELECT count(DISTINCT number) FROM numbers") == [(5_000_000,)]


def test_what_cannot_be_set_aside_is_refused_by_the_name_of_the_setting() -> None:
    with (
        DuckDBEngine(threads=1, memory_bytes=20 * MIB) as engine,
        pytest.raises(ConfigError, match=r"20 MiB, is too little.*`engine\.memory_mib`"),
    ):
        engine.rows("SELECT length(string_agg(md5(range::VARCHAR), '')) FROM range(5000000)")
