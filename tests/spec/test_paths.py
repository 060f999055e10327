"""Paths of a project that not every library takes: they work, or every command refuses them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command_line import run_here

from pipeline.tracking.runs import Tracking

CONFIG = """
name: small
snapshots: {first: 2024-02-01, last: 2024-06-01}
sources: {orders: {path: orders.csv}}
tracking: {folder: mlflow}
output: out
"""
GOOD = "account_id,order_id,occurred_at,amount\nA,O,2024-01-05,1\n"
AS_OF = ("--as-of", "2024-02-01")
WHO = ("--by", "a test", "--reason", "to see")
COMMANDS = [
    *(("validate",), ("table",), ("features", *AS_OF), ("train",), ("backtest",), ("tune",)),
    *(("review",), ("promote", "--version", "1", *WHO), ("rollback", *WHO), ("history",)),
    *(("score", *AS_OF), ("score", *AS_OF, "--dry-run"), ("monitor", *AS_OF), ("ui",)),
    *(("explain", *AS_OF, "--account", "A"), ("catalogue",)),
]


def project(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "orders.csv").write_text(GOOD)
    return folder


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("per%20cent", "has % in its path, which MLflow cannot address"),
        ("a#b?c", "has # ? in its path, which MLflow cannot address"),
        (os.fsdecode(b"by\xffte"), "is no UTF-8"),
    ],
    ids=ascii,
)
def test_fault_84_every_command_refuses_a_path_at_once(tmp_path: Path, name, said) -> None:
    folder = project(tmp_path, name)
    before = sorted(folder.iterdir())
    for command in COMMANDS:
        done = run_here([*command, "-c", "config.yaml"], folder)
        assert (done.returncode, command) == (78, command)
        assert said in done.stderr
    assert sorted(folder.iterdir()) == before


def test_fault_84_the_store_may_lie_elsewhere(tmp_path: Path) -> None:
    folder = project(tmp_path, "per%20cent")
    (folder / "config.yaml").write_text(CONFIG.replace("folder: mlflow", "folder: ../mlflow"))
    done = run_here(["validate", "-c", "config.yaml"], folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_fault_84_other_signs_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project(tmp_path, "both ' and \" a:b ;[c]{d}$e* M\u00fcller \\ S\u00f6hne")
    for command in (("validate",), ("features", *AS_OF)):
        done = run_here([*command, "-c", "config.yaml"], folder)
        assert done.returncode == 0, done.stderr
    monkeypatch.chdir(folder)
    tracking = Tracking(folder / "mlflow", "small", "small")
    with tracking.run("a run") as run:
        run.json("a.json", {"a": 1})
        (folder / "model").mkdir()
        (folder / "model" / "model.txt").write_text("a model")
        version = run.register(folder / "model", ["feature"], "a version")
    tracking.registry.download(version, folder / "copy")
    assert tracking.stored_json(run.id, "a.json") == {"a": 1}


def test_fault_84_a_file_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = project(tmp_path, "plain")
    (folder / "orders").mkdir()
    (folder / "orders.csv").rename(folder / "orders" / os.fsdecode(b"by\xffte.csv"))
    (folder / "config.yaml").write_text(CONFIG.replace("orders.csv", "orders"))
    done = run_here(["validate", "-c", "config.yaml"], folder)
    assert done.returncode == 65
    assert "its name is no UTF-8" in done.stdout
    where = folder / os.fsdecode(b"out\xff.parquet")
    (folder / "config.yaml").write_text(CONFIG.replace("orders.csv", "'*.csv'"))
    (folder / "orders.csv").write_text(GOOD)
    done = run_here(["features", *AS_OF, "-c", "config.yaml", "--out", where], folder)
    assert done.returncode == 73
    assert "its path is no UTF-8" in done.stderr
