"""Broken exports through the real command line: refused, accepted with a reason, said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from project import AS_OF, FIRST_LIST, Project
from small_files import good_rows

from pipeline.guards.profile import FILE

NEXT = "2026-01-02"
REASON = "the region was sold on 1 December"


@pytest.fixture
def own(trained: Project) -> Project:
    """The world's model and its first list, over a market of its own, to break."""
    shutil.rmtree(trained.scores / f"as_of={AS_OF}")
    trained.take_market()
    return trained


def change(project: Project, change: Callable[[pd.DataFrame], pd.DataFrame], *names: str) -> None:
    for name in names:
        path = project.folder / f"{name}.parquet"
        change(pd.read_parquet(path)).to_parquet(path, index=False)


def some_accounts(table: pd.DataFrame) -> pd.DataFrame:
    """The first half of the accounts by id."""
    return table[table["account_id"] <= "A000200"]


def last_100_days(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["occurred_at"] >= pd.Timestamp(AS_OF, tz="UTC") - pd.Timedelta(days=100)]


def swapped(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"amount": "margin", "margin": "amount"})


def of_another_company(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(account_id="B" + table["account_id"])


WITH_ACCOUNTS = ("orders", "touches", "complaints", "accounts")


LONG = pytest.mark.long  # drawn as well, in tests/spec/test_guards.py
LAST, TRAINING = "the publication of 2025-12-19", "the training of model version 1"


@pytest.mark.parametrize(
    ("broken", "names", "against", "said"),
    [
        pytest.param(some_accounts, WITH_ACCOUNTS, LAST, "orders: accounts: ", id="half of them"),
        pytest.param(
            last_100_days, ("orders",), TRAINING, "orders: first day: 2", id="rolling", marks=LONG
        ),
        pytest.param(
            swapped, ("orders",), LAST, "orders: margin over amount: 0", id="swapped", marks=LONG
        ),
        pytest.param(
            of_another_company, ("orders",), TRAINING, "orders: new acc", id="foreign", marks=LONG
        ),
    ],
)
def test_fault_47_49_51_74_a_broken_export_is_refused(
    own: Project,
    broken: Callable[[pd.DataFrame], pd.DataFrame],
    names: tuple[str, ...],
    against: str,
    said: str,
) -> None:
    if against == TRAINING:
        shutil.rmtree(own.scores)  # as on a first night
    change(own, broken, *names)
    before = own.files()
    done = own.defection("score", "--as-of", AS_OF)
    assert done.returncode == 65, done.stderr
    assert f"The sources differ too much from {against}" in done.stderr
    assert f"\n  {said}" in done.stderr
    assert f'  defection score --config {own.config} --as-of {AS_OF} --accept "R' in done.stderr
    assert {file for file in own.files() - before if file.name != ".lock"} == {own.refused}
    if against == LAST:
        assert own.defection("score", "--as-of", AS_OF, "--dry-run").stderr == done.stderr


def test_a_refusal_says_what_no_reason_accepts(own: Project) -> None:
    """Less than half of the accounts is left, fewer than the model can compare with each other."""
    change(own, lambda table: table[table["account_id"] <= "A000180"], *WITH_ACCOUNTS)
    done = own.defection("score", "--as-of", AS_OF)
    assert done.returncode == 65
    *_, command, last = done.stderr.splitlines()
    assert command.endswith('--accept "REASON"')
    assert last.startswith("A reason is not enough. ") and "accounts are too few" in last
    assert own.defection("score", "--as-of", AS_OF, "--dry-run").stderr == done.stderr
    accepted = own.defection("score", "--as-of", AS_OF, "--accept", REASON)
    assert accepted.returncode == 78
    assert accepted.stderr.endswith(last.removeprefix("A reason is not enough. ") + "\n")


@pytest.mark.long
def test_fault_48_50_52_what_is_accepted_is_recorded_and_not_asked_for_again(own: Project) -> None:
    """A region is gone, touches are there twice, and the config has no accounts any more."""
    accounts = pd.read_parquet(own.folder / "accounts.parquet")
    gone = set(accounts.loc[accounts["region"] == "south", "account_id"])
    change(own, lambda table: table[~table["account_id"].isin(gone)], *WITH_ACCOUNTS)
    change(own, lambda table: pd.concat([table, table[:30]]), "touches")
    sources = {name: {"path": f"{name}.parquet"} for name in (*WITH_ACCOUNTS[:3], "reps")}
    own.change(sources=sources)
    done = own.defection("score", "--as-of", AS_OF)
    assert done.returncode == 65
    assert "orders: accounts of region south: 5" in done.stderr

    accepted = own.defection("score", "--as-of", AS_OF, "--accept", REASON)
    assert accepted.returncode == 0, accepted.stderr
    assert "note: touches: 30 rows exactly like another in every mapped column" in accepted.stderr
    assert "The config has no source accounts any more; the publication of" in accepted.stderr
    assert f"Accepted: {REASON}" in accepted.stderr
    (folder,) = own.scores.glob(f"as_of={AS_OF}/*/*")
    compared = json.loads((folder / "manifest.json").read_text())["sources_compared"]
    assert compared["accepted"]["reason"] == REASON
    assert any("region south" in line for line in compared["accepted"]["differences"])
    assert compared["no_longer_sources"] == ["accounts"]
    assert REASON in (folder / "call_list.html").read_text()

    # A fresher export of the same date: what was accepted in the morning is not asked again.
    change(own, lambda table: table.iloc[:-1], "complaints")
    again = own.defection("score", "--as-of", AS_OF)
    assert again.returncode == 0, again.stderr
    assert "differ" not in again.stderr
    (folder,) = own.scores.glob(f"as_of={AS_OF}/*/revision=2")
    assert REASON in (folder / "call_list.html").read_text()

    following = own.defection("score", "--as-of", NEXT, "--dry-run")
    assert following.returncode == 0
    said = following.stdout + following.stderr
    assert "differ" not in said and "no source" not in said


def test_validate_shows_what_score_compares_and_leaves_damaged_profiles_out(own: Project) -> None:
    said = own.done("validate")
    assert "Compared with the publication of 2025-12-19:" in said
    assert "Compared with the training of model version 1:" in said
    assert "refuse" not in said
    change(own, some_accounts, *WITH_ACCOUNTS)
    (profile,) = own.scores.glob(f"as_of={FIRST_LIST}/*/*/{FILE}")
    profile.write_text("{}")
    done = own.defection("validate", "--strict")
    assert done.returncode == 1
    assert "is not compared with: source_profile.json is not what was published" in done.stderr
    assert "There is no earlier publication that says what its sources were like." in done.stdout
    assert "`score` refuses these sources, unless --accept gives a reason." in done.stdout
    refused = sum(line.endswith("  refused") for line in done.stdout.splitlines())
    would = f"score would refuse: {refused} differences"
    assert refused > 1 and f" notes; {would}" in done.stdout
    assert f"{refused} differences that `score` would refuse; see above" in done.stderr
    page = (own.folder / "out/validation/validation.html").read_text()
    assert would in page and "Readable, but score would refuse these sources" in page
    assert "Compared with before" in page and "refused" in page
    report = json.loads((own.folder / "out/validation/validation.json").read_text())
    assert report["sources_compared"]["differences"]


@pytest.mark.long
def test_fault_52_a_source_taken_out_is_said_every_night(own: Project) -> None:
    sources = {name: {"path": f"{name}.parquet"} for name in (*WITH_ACCOUNTS[:3], "reps")}
    own.change(sources=sources)
    for as_of, before in ((AS_OF, LAST), (NEXT, TRAINING)):
        said = own.defection("score", "--as-of", as_of)
        assert said.returncode == 0, said.stderr
        assert f"has no source accounts any more; {before} had 400 rows of it." in said.stderr


def test_without_a_champion_nothing_is_compared(project: Project) -> None:
    said = project.done("validate")
    assert "No model was trained yet that says what its sources were like." in said


def test_a_champion_with_a_damaged_file_cannot_be_compared_with(own: Project) -> None:
    (profile,) = own.folder.glob(f"mlflow/**/{FILE}")
    profile.write_text("{}")
    said = own.done("validate")
    assert "The champion cannot be compared with: The files of version 1 of small are not" in said


def test_the_training_knows_no_account_and_no_owner(world: Project) -> None:
    (profile,) = world.folder.glob(f"mlflow/**/{FILE}")
    text = profile.read_text()
    assert '\n"orders": {"accounts": ' in text
    assert not any(each in text for each in ("A000001", "R0001", "south"))


@pytest.mark.parametrize("reason", ["", "two\nlines", "x" * 501])
def test_a_reason_is_a_line_of_text(trained: Project, reason: str) -> None:
    done = trained.defection("score", "--as-of", NEXT, "--accept", reason)
    assert done.returncode == 64
    assert "--accept takes a reason: one line of 1 to 500 characters." in done.stderr


@pytest.mark.parametrize(
    "copied",
    ["REASON", "reason", "<reason>", "...", "why ...", "why sources that differ are right"],
)
def test_the_placeholder_is_no_reason(trained: Project, copied: str) -> None:
    done = trained.defection("score", "--as-of", NEXT, "--accept", copied)
    assert done.returncode == 64
    assert "--accept has no reason yet" in done.stderr and "in your own words" in done.stderr


def test_a_reason_that_is_not_needed_is_not_recorded(trained: Project) -> None:
    unneeded = "The reason given with --accept was not needed and is not recorded."
    done = trained.defection("score", "--as-of", AS_OF, "--accept", REASON)
    assert done.returncode == 0 and "Already published" in done.stdout
    assert unneeded in done.stderr
    assert unneeded in trained.done("score", "--as-of", AS_OF, "--accept", REASON, "--dry-run")
    replay = ("score", "--as-of", "2025-08-01", "--replay", "--accept", REASON)
    for further in ((), ("--dry-run",)):
        done = trained.defection(*replay, *further)
        assert done.returncode == 64
        assert "--accept goes with a list, and --replay makes none" in done.stderr


def test_fault_50_a_file_twice_in_a_folder_is_refused_unless_it_has_no_rows(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "orders"
    folder.mkdir()
    rows = [{k: value for k, value in row.items() if k != "line_id"} for row in good_rows("orders")]
    for name, part in {"may": rows[:20], "june": rows[20:], "july": [], "august": []}.items():
        pd.DataFrame(part, columns=[*rows[0]]).to_csv(folder / f"{name}.csv", index=False)
    shutil.copy(folder / "may.csv", folder / "may (1).csv")
    project = Project(tmp_path)
    project.config.write_text(
        "name: small\nsources: {orders: {path: orders}}\n"
        "snapshots: {first: 2024-01-01, last: 2025-01-01}\n"
    )
    done = project.defection("validate")
    assert done.returncode == 65
    assert done.stdout.count("has the same bytes as") == 1
    assert (
        "error: orders, orders/may.csv: has the same bytes as orders/may (1).csv: its rows would "
        "count twice\n    -> remove one of the two files" in done.stdout
    )
    (folder / "may (1).csv").unlink()
    project.done("validate")
