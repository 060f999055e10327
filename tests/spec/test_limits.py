"""What nobody can mean is refused at once, in few lines: too many columns or keys, no file."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import run_here

CONFIG = """
name: small
snapshots: {first: 2024-02-01, last: 2024-06-01}
sources: {orders: {path: orders.csv}}
"""
GOOD = "account_id,order_id,occurred_at,amount\nA,O,2024-01-05,1\n"
MANY = 100_000


def validated(folder: Path, config: str = CONFIG, **files: str) -> tuple[int, str]:
    (folder / "config.yaml").write_text(config)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    done = run_here(["validate", "-c", "config.yaml"], folder)
    return done.returncode, done.stdout + done.stderr


def wide_csv(folder: Path) -> None:
    names = ",".join(f"c{number}" for number in range(MANY))
    (folder / "orders.csv").write_text(f"{names}\n{names}\n")


def wide_parquet(folder: Path) -> None:
    table = pa.table({f"c{number}": pa.array([1]) for number in range(6_000)})
    pq.write_table(table, folder / "orders.parquet")


@pytest.mark.parametrize("write", [wide_csv, wide_parquet])
def test_fault_70_too_many_columns_are_refused_by_their_number(tmp_path: Path, write) -> None:
    write(tmp_path)
    (file,) = tmp_path.iterdir()
    code, said = validated(tmp_path, CONFIG.replace("orders.csv", file.name))
    assert code == 65
    assert " columns; at most 5,000 are read" in said
    assert len(said.splitlines()) < 20 and len(said) < 2_000


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("".join(f"unknown_{n}: 1\n" for n in range(MANY)), "a config file has at most 1,048,576"),
        ("".join(f"u{n}: 1\n" for n in range(30_000)), "more than 20,000 keys and values"),
        ("".join(f"unknown_{n}: 1\n" for n in range(3_000)), "3,000 mistakes"),
    ],
)
def test_fault_70_too_many_keys_are_refused_in_few_lines(tmp_path: Path, more, said) -> None:
    code, shown = validated(tmp_path, CONFIG + more, orders_csv=GOOD)
    assert code == 78
    assert said in shown and "config.yaml" in shown
    assert len(shown.splitlines()) < 30


def test_fault_70_the_first_of_many_keys_are_named(tmp_path: Path) -> None:
    keys = "".join(f"unknown_{n}: 1\n" for n in range(3_000))
    _, said = validated(tmp_path, CONFIG + keys, orders_csv=GOOD)
    assert "unknown_0 (line 5): unknown key" in said
    assert said.splitlines()[-1].endswith("and 2,980 more mistakes")


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"])
def test_fault_70_a_day_out_of_all_years_is_refused(tmp_path: Path, day: str) -> None:
    code, said = validated(tmp_path, CONFIG.replace("2024-02-01", day), orders_csv=GOOD)
    assert code == 78 and "should lie in the years 1900 to 2199" in said
    (tmp_path / "config.yaml").write_text(CONFIG)
    for command in ("features", "score", "monitor"):
        done = run_here([command, "--as-of", day, "-c", "config.yaml"], tmp_path)
        assert done.returncode == 64
        assert "lies before 1900 or after 2199" in done.stderr


def special(folder: Path, name: str, kind: str) -> None:
    if kind == "a named pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["a named pipe", "a device"])
def test_fault_70_what_is_no_file_is_not_read(tmp_path: Path, kind: str) -> None:
    special(tmp_path, "orders.csv", kind)
    code, said = validated(tmp_path)
    assert code == 65 and f"is {kind}, not a file" in said
    special(tmp_path, "orders.sql", kind)
    code, said = validated(tmp_path, CONFIG.replace("path: orders.csv", "sql: orders.sql"))
    assert code == 65 and f"is {kind}, not a file" in said
    special(tmp_path, "other.yaml", kind)
    done = run_here(["validate", "-c", "other.yaml"], tmp_path)
    assert done.returncode == 78 and f"is {kind}, not a file" in done.stderr
