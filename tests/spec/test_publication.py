"""Publishing: whole or not at all, once per set of inputs."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from damaged_files import DAMAGE

from models.value_at_stake import ValueAtStake
from pipeline.config.form import ScoringConfig
from pipeline.errors import CannotWrite, TryAgain
from pipeline.locks import exclusive
from pipeline.output_files import write_parquet, write_text
from pipeline.scoring.call_list import write_call_list
from pipeline.scoring.key_accounts import key_account_values
from pipeline.scoring.publication import damage, newest_before, publish, while_newest
from pipeline.scoring.score_table import Predicted, score_table
from pipeline.tables.trade import past_trade

D = date(2025, 1, 1)
LAST_YEAR = ValueAtStake(margin_share=1.0)  # nothing learned: last year's number


def one_file(folder: Path) -> Mapping[str, Any]:
    (folder / "scores.txt").write_text("content")
    return {"rows": 1}


def files(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def test_a_publication_is_its_files_a_manifest_and_a_pointer(tmp_path) -> None:
    made = publish(tmp_path, D, 3, {"a": 1}, one_file)
    place = "as_of=2025-01-01/model_version=3/revision=1"
    assert made.new
    assert files(tmp_path) == [
        ".lock",
        f"{place}/manifest.json",
        f"{place}/scores.txt",
        "latest.json",
    ]
    assert json.loads((tmp_path / "latest.json").read_text()) == {"path": place}
    assert made.folder.stat().st_mode & 0o777 == 0o755  # others may read the list


def test_fault_36_the_same_inputs_publish_nothing_and_others_a_revision(tmp_path) -> None:
    first = publish(tmp_path, D, 1, {"a": 1}, one_file)
    before = files(tmp_path)
    again = publish(tmp_path, D, 1, {"a": 1}, one_file)
    assert (again.new, again.folder) == (False, first.folder)
    assert files(tmp_path) == before
    other = publish(tmp_path, D, 1, {"a": 2}, one_file)
    assert other.new and other.folder.name == "revision=2"


def test_a_follow_up_sees_the_newest_revision_while_nobody_publishes(tmp_path) -> None:
    first = publish(tmp_path, D, 1, {"a": 1}, one_file)
    second = publish(tmp_path, D, 1, {"a": 2}, one_file)

    def act(folder: Path) -> None:
        assert folder == second.folder
        with pytest.raises(TryAgain, match="following up on as_of=2025-01-01"):
            publish(tmp_path, D, 1, {"a": 3}, one_file)

    while_newest(first.folder, act)


def test_an_older_date_does_not_move_the_pointer(tmp_path) -> None:
    publish(tmp_path, D, 1, {}, one_file)
    publish(tmp_path, date(2024, 12, 1), 1, {}, one_file)
    assert "2025-01-01" in (tmp_path / "latest.json").read_text()
    assert newest_before(tmp_path, D, {}).parent.parent.name == "as_of=2024-12-01"
    assert newest_before(tmp_path, date(2024, 12, 1), {}) is None


def test_a_publication_of_another_meaning_is_passed_over(tmp_path) -> None:
    for day, days in ((1, 90), (2, 30)):
        publish(tmp_path, date(2024, 12, day), 1, {}, lambda folder, days=days: meant(folder, days))
    for days, found in ((90, "2024-12-01"), (30, "2024-12-02")):
        before = newest_before(tmp_path, D, {"label.horizon_days": days})
        assert before.parent.parent.name == f"as_of={found}"
    assert newest_before(tmp_path, D, {"label.horizon_days": 180}) is None


def meant(folder: Path, days: int) -> Mapping[str, Any]:
    return {**one_file(folder), "meaning_of_risk": {"label.horizon_days": days}}


def test_a_failure_while_writing_leaves_nothing(tmp_path) -> None:
    def fails(folder: Path) -> Mapping[str, Any]:
        one_file(folder)
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        publish(tmp_path, D, 1, {}, fails)
    assert files(tmp_path) == [".lock"]


@pytest.mark.starts_process
def test_what_a_killed_job_left_is_cleared_by_the_next(tmp_path) -> None:
    script = (
        "import os, signal, sys\n"
        "from datetime import date\n"
        "from pathlib import Path\n"
        "from pipeline.scoring.publication import publish\n"
        "def write(folder):\n"
        "    (folder / 'scores.txt').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "publish(Path(sys.argv[1]), date(2025, 1, 1), 1, {}, write)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("as_of=*")) and not (tmp_path / "latest.json").exists()
    made = publish(tmp_path, D, 1, {}, one_file)
    assert made.new
    assert [p for p in files(tmp_path) if "unfinished" in p] == []


def test_two_at_once_the_second_is_told_who_holds_it(tmp_path) -> None:
    with (
        exclusive(tmp_path / ".lock", "publishing scores as of 2025-01-01"),
        pytest.raises(TryAgain, match=rf"publishing scores.*{os.getpid()}"),
    ):
        publish(tmp_path, D, 1, {}, one_file)


def test_fault_37_a_place_that_cannot_be_written_is_said(tmp_path) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(CannotWrite, match="a file"):
        publish(tmp_path / "a file" / "scores", D, 1, {}, one_file)


def scores(
    names: list[str],
    value: list[float],
    risk: list[float],
    rule: ValueAtStake = LAST_YEAR,
) -> Any:
    """The table of accounts A0, A1, ... known for a year, whose margin is their value."""
    order_days = [2.0, *[5.0] * (len(names) - 1)]
    trade = [value, value, 0.0, 0.0, 0.0, 0.0, 365.0, order_days]
    last_year = dict(zip(past_trade(), trade, strict=True))
    frame = pd.DataFrame(
        {
            "account_id": [f"A{i}" for i in range(len(names))],
            "shown_days_silent": 10.4,
            "shown_usual_gap": [np.nan, *[7.0] * (len(names) - 1)],
            "shown_last_order_s": datetime(2024, 12, 20).timestamp(),
            **dict.fromkeys(key_account_values(), 0.0),
            **last_year,
        }
    )
    people = pd.DataFrame({"name": names, "owner_id": None}, index=frame["account_id"])
    return score_table(
        frame,
        Predicted(np.array(risk), {90: np.array(risk)}),
        rule,
        as_of=D,
        ranking="risk",
        horizon_days=90,
        scoring=ScoringConfig(),
        model_version=1,
        previous=pd.Series({"A1": 0.2}),
        currency="EUR",
        people=people,
    )


def test_scores_are_ranked_by_expected_loss_then_risk_then_account() -> None:
    rows = scores(list("vwxyz"), [200, 50, 50, 800, 10], [0.125, 0.5, 0.5, 0.05, 0.9]).to_pylist()
    assert [(r["rank"], r["account_id"], r["expected_loss"], r["risk_band"]) for r in rows] == [
        (1, "A3", 40, "low"),
        (2, "A1", 25, "high"),
        (3, "A2", 25, "high"),
        (4, "A0", 25, "medium"),
        (5, "A4", 9, "high"),
    ]
    assert [r["change"] for r in rows] == [None, pytest.approx(0.3), None, None, None]
    assert [r["thin_history"] for r in rows] == [False, False, False, True, False]
    assert rows[3]["usual_gap"] is None
    assert [r["risk_90"] for r in rows] == [0.05, 0.5, 0.5, 0.125, 0.9]
    assert {r["risk_30"] for r in rows} == {None}  # a horizon that the model does not have


def test_what_is_at_stake_is_published_with_its_interval_and_what_it_rests_on() -> None:
    learned = ValueAtStake(
        margin_share=1.0,
        sizes=(50.0,),
        stayed=(0.0, 0.9, 0.8, 0.9, 0.8, 2.0),
        defected=(0.0, 0.4, 0.2, 0.4, 0.2, 0.5),
        low=(0.7, 0.5, 0.3, 0.5, 0.2),
        high=(1.4, 1.2, 1.4, 1.2, 3.0),
        snapshots=("2023-12-01",),
        outcome_end="2024-12-01",
    )
    names = ("account_id", "value_at_stake", "next_year_low", "next_year_high")
    three = scores(["x", "y", "z"], [10, 100, 40], [0.5, 0.5, 0.5], learned)
    assert [tuple(row.values()) for row in three.select([*names, "value_basis"]).to_pylist()] == [
        ("A1", pytest.approx(60), pytest.approx(50), pytest.approx(120), "margin"),
        ("A2", pytest.approx(20), pytest.approx(28), pytest.approx(56), "margin"),
        ("A0", pytest.approx(15), pytest.approx(2), pytest.approx(30), "margin"),  # a newcomer
    ]
    (one,) = scores(["x"], [100], [0.5]).select([*names, "value_basis"]).to_pylist()
    assert tuple(one.values()) == ("A0", 100, None, None, "last year's margin")


def test_tier_a_brings_the_first_four_fifths_of_the_value() -> None:
    value = [700.0, 150.0, 100.0, 30.0, 20.0]
    rows = scores(list("vwxyz"), value, [0.5, 0.4, 0.3, 0.2, 0.1]).to_pylist()
    assert [row["tier"] for row in rows] == ["A", "A", "B", "C", "C"]


def test_fault_39_the_call_list_opens_in_a_spreadsheet_without_running_anything(tmp_path) -> None:
    names = ["=HYPERLINK(1)", "Müller", "-2+3", "@x", "a,b"]
    table = scores(names, [1] * 5, [0.5, 0.4, 0.3, 0.2, 0.1])
    write_call_list(tmp_path / "list.csv", table.slice(0, 4))
    raw = (tmp_path / "list.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)", "Müller", "'-2+3", "'@x"]
    assert rows[0]["risk"] == "0.500" and rows[0]["days_silent"] == "10"


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        (" =1+1", "' =1+1"),
        ("\u00a0\u3000=1+1", "'\u00a0\u3000=1+1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff0b1", "'\uff0b1"),
        ("\u22121+1", "'\u22121+1"),
        ("Ltd\n=1+1", "Ltd\n'=1+1"),
        ("Ltd\r\n =1+1", "Ltd\r\n' =1+1"),
        ("Ltd;=1+1", "Ltd;'=1+1"),
        ("Ltd; @SUM(1)", "Ltd;' @SUM(1)"),
        ("Ltd\t=1+1", "Ltd\t'=1+1"),
        ("\nx", "'\nx"),
        ("A = B; C-D + E@F", "A = B; C-D + E@F"),
    ],
)
def test_fault_68_what_becomes_a_formula_in_another_way_is_text(tmp_path, name, cell) -> None:
    write_call_list(tmp_path / "list.csv", scores([name], [1], [0.5]))
    text = (tmp_path / "list.csv").read_bytes().decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["name"] == cell


def test_going_back_to_earlier_inputs_is_a_further_revision(tmp_path) -> None:
    for inputs in ({"a": 1}, {"a": 2}, {"a": 1}):
        made = publish(tmp_path, D, 1, inputs, one_file)
    assert made.new and made.folder.name == "revision=3"
    assert "revision=3" in (tmp_path / "latest.json").read_text()


def test_a_pointer_that_a_killed_job_did_not_move_is_moved_by_the_next(tmp_path) -> None:
    made = publish(tmp_path, D, 1, {}, one_file)
    (tmp_path / "latest.json").unlink()
    assert not publish(tmp_path, D, 1, {}, one_file).new
    assert made.folder.name in (tmp_path / "latest.json").read_text()


def test_what_is_no_revision_of_ours_is_left_alone(tmp_path) -> None:
    place = tmp_path / "as_of=2025-01-01" / "model_version=1"
    for stranger in ("revision=1.bak", "revision=7"):
        (place / stranger).mkdir(parents=True)
    assert publish(tmp_path, D, 1, {}, one_file).folder.name == "revision=1"


@pytest.mark.parametrize("umask", [0o077, 0o027, 0o022, 0o002])
def test_fault_72_folders_and_files_are_readable_by_whom_the_umask_says(tmp_path, umask) -> None:
    before = os.umask(umask)
    try:
        made = publish(tmp_path / "out" / "scores", D, 1, {}, two_files)
        write_text(tmp_path / "out" / "validation" / "validation.json", "{}")
        write_parquet(tmp_path / "out" / "features.parquet", pd.DataFrame({"a": [1]}))
    finally:
        os.umask(before)
    assert (made.folder / "scores.parquet").exists()
    for path in (tmp_path / "out").rglob("*"):
        usual = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == usual & ~umask, path


# --- what is damaged ------------------------------------------------------------------------------


def two_files(folder: Path) -> Mapping[str, Any]:
    (folder / "scores.parquet").write_text("the scores")
    (folder / "call_list.html").write_text("the page")
    return {"rows": 1}


@pytest.mark.parametrize("damaged", DAMAGE)
@pytest.mark.parametrize("name", ["scores.parquet", "call_list.html", "manifest.json"])
def test_fault_53_a_damaged_publication_is_never_taken_for_published(
    tmp_path, capsys, name: str, damaged: str
) -> None:
    first = publish(tmp_path, D, 1, {"a": 1}, two_files)
    DAMAGE[damaged](first.folder / name)
    again = publish(tmp_path, D, 1, {"a": 1}, two_files)
    assert again.new and damage(again.folder) == ""
    said = capsys.readouterr().err
    assert "revision=1 is damaged" in said and "A new revision stands" in said and name in said
    assert again.folder.name == "revision=2" and first.folder.exists()
    assert not publish(tmp_path, D, 1, {"a": 1}, two_files).new
    latest = json.loads((tmp_path / "latest.json").read_text())
    assert latest["path"].endswith(again.folder.name)


@pytest.mark.parametrize("damaged", DAMAGE)
@pytest.mark.parametrize("name", ["scores.parquet", "manifest.json"])
def test_fault_54_a_damaged_publication_is_not_compared_with(
    tmp_path, capsys, name: str, damaged: str
) -> None:
    older = publish(tmp_path, date(2024, 12, 1), 1, {"a": 1}, two_files)
    newer = publish(tmp_path, date(2024, 12, 2), 1, {"a": 2}, two_files)
    assert newest_before(tmp_path, D, {}) == newer.folder
    DAMAGE[damaged](newer.folder / name)
    assert newest_before(tmp_path, D, {}) == older.folder
    said = capsys.readouterr().err
    assert "as_of=2024-12-02" in said
    # A page that was edited says nothing of the figures: it is no reason not to compare.
    DAMAGE["edited"](older.folder / "call_list.html")
    assert newest_before(tmp_path, D, {}) == older.folder


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "7", '{"path": 7}', '{"path": "as_of=9999-01-01/model_version=1/revision=1"}'],
)
def test_fault_55_a_broken_pointer_is_rewritten(tmp_path, content: str) -> None:
    publish(tmp_path, D, 1, {"a": 1}, two_files)
    (tmp_path / "latest.json").write_text(content)
    for inputs in ({"a": 1}, {"a": 2}):
        made = publish(tmp_path, D, 1, inputs, two_files)
        latest = json.loads((tmp_path / "latest.json").read_text())
        assert tmp_path / latest["path"] == made.folder


def test_fault_56_any_edit_of_a_manifest_is_seen(tmp_path, capsys) -> None:
    made = publish(tmp_path, D, 1, {"a": 1}, two_files)
    manifest = made.folder / "manifest.json"
    said = json.loads(manifest.read_text())
    for name in said:
        edited = {**said, name: None}
        manifest.write_text(json.dumps(edited))
        assert damage(made.folder).startswith("manifest.json"), name
    manifest.write_text(json.dumps({**said, "rows": 2}))
    assert damage(made.folder) == "manifest.json is not what was published"
    again = publish(tmp_path, D, 1, {"a": 1}, two_files)
    assert again.folder.name == "revision=2" and made.folder.exists()
    assert "revision=1 is damaged and left as it is: manifest.json" in capsys.readouterr().err


def test_fault_57_a_copy_under_another_date_is_not_compared_with(tmp_path, capsys) -> None:
    def dated(folder: Path) -> Mapping[str, Any]:
        return {**two_files(folder), "as_of": "2024-12-01"}

    made = publish(tmp_path, date(2024, 12, 1), 1, {"a": 1}, dated)
    for day in ("2024-12-24", "2024-13-01", "2024-12-9x"):
        shutil.copytree(made.folder.parents[1], tmp_path / f"as_of={day}")
    assert newest_before(tmp_path, D, {}) == made.folder
    assert "it is a copy of that of 2024-12-01" in capsys.readouterr().err


def test_fault_57_a_copy_made_by_hand_is_left_alone(tmp_path) -> None:
    made = publish(tmp_path, D, 1, {"a": 1}, two_files)
    for name in ("model_version=abc", "model_version=1 (copy)", "model_version="):
        shutil.copytree(made.folder.parent, made.folder.parents[1] / name)
    assert newest_before(tmp_path, date(2025, 2, 1), {}) == made.folder
