"""Pseudonyms: the same for the same key, of nobody without it."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.pseudonyms import KEY_FILE, pseudonym, pseudonym_key


def test_the_key_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    key = pseudonym_key(tmp_path / "out")
    assert len(key) == 32 and key == pseudonym_key(tmp_path / "out")
    assert (tmp_path / "out" / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "out").iterdir()] == [KEY_FILE]
    assert key != pseudonym_key(tmp_path / "other")


def _key(folder: Path, start: object, answers: multiprocessing.Queue) -> None:
    start.wait()
    answers.put(pseudonym_key(folder))


def test_jobs_at_once_agree_on_one_key(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(4), context.Queue()
    jobs = [context.Process(target=_key, args=(tmp_path, start, answers)) for _ in range(4)]
    for job in jobs:
        job.start()
    found = {answers.get(timeout=30) for _ in jobs}
    for job in jobs:
        job.join(30)
    assert found == {pseudonym_key(tmp_path)}


def test_a_file_that_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(ConfigError, match="holds no key of 32 bytes"):
        pseudonym_key(tmp_path)


def test_a_pseudonym_tells_accounts_apart_and_nothing_else() -> None:
    one, other = b"1" * 32, b"2" * 32
    names = {pseudonym(f"A{number}", one) for number in range(1000)}
    assert len(names) == 1000
    assert pseudonym("A1", one) == pseudonym("A1", one) != pseudonym("A1", other)
    assert all("A1" not in name for name in names)
