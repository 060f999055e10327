"""The playbook: what ours holds, and what is said of one that does not fit."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import yaml

from features.contract import CAUSES
from pipeline.config import load_config
from pipeline.config.playbook import ELSE, SHIPPED, load_playbook
from pipeline.errors import ConfigError, MissingInput
from pipeline.scoring.reason_texts import GROUPS, OTHER

ROOT = Path(__file__).resolve().parents[2]
OURS = load_playbook(None)
COMPLAINT_PLAYS = (
    "plays: [Settle the complaint, Name a team and a response time, Talk at management level]"
)
NAMES = [group.name for group in GROUPS]


def changed(folder: Path, before: str, after: str) -> Path:
    """Our playbook with one place written otherwise."""
    text = SHIPPED.read_text(encoding="utf-8")
    assert before in text
    path = folder / "playbook.yaml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(ConfigError) as found:
        load_playbook(path)
    assert str(path) in str(found.value)
    return str(found.value)


# --- ours -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_no_reason_of_our_families_says_that_nothing_can_be_done(name: str) -> None:
    assert OURS.answer(name).controllable in ("yes", "unclear")


@pytest.mark.parametrize("name", [*NAMES, "other_family_of_ones_own"])
def test_a_play_that_is_attached_is_never_a_manual_one(name: str) -> None:
    assert not OURS.plays[OURS.first_play(name)].manual


def test_what_no_data_can_call_for_is_manual() -> None:
    manual = {name for name, play in OURS.plays.items() if play.manual}
    assert manual == {
        "Influence the purchasing criteria",
        "Keep the promised rebate",
        "Meet the price as a last resort",
        "Record it and do not chase",
    }


def test_a_lower_price_is_the_last_weapon() -> None:
    answers = [*OURS.reasons.values(), *OURS.causes.values()]
    named = [
        answer.plays for answer in answers if "Meet the price as a last resort" in answer.plays
    ]
    assert len(named) >= 3
    assert {plays[-1] for plays in named} == {"Meet the price as a last resort"}


def test_what_a_person_finds_out_has_an_answer_and_the_uncontrollable_is_not_chased() -> None:
    assert {*OURS.causes} == {*CAUSES}
    uncontrollable = {name for name, cause in OURS.causes.items() if cause.controllable == "no"}
    assert uncontrollable == {"customer_shrank", "customer_sold", "customer_integrated"}
    for name in uncontrollable:
        assert OURS.causes[name].plays == ("Record it and do not chase",)


def test_every_owner_has_something_to_do_and_every_play_is_an_answer_to_something() -> None:
    owners = {play.owner for play in OURS.plays.values()}
    assert owners == {"sales", "service", "quality", "logistics", "management"}
    answers = [*OURS.reasons.values(), *OURS.causes.values()]
    assert {play for answer in answers for play in answer.plays} == {*OURS.plays}


def test_the_built_wheel_brings_it_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatchling.build import build_wheel

    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        assert wheel.read(SHIPPED.relative_to(ROOT).as_posix()) == SHIPPED.read_bytes()
        assert "pipeline/config/playbook.py" in wheel.namelist()  # two folders below it


# --- another one ----------------------------------------------------------------------------


def test_plain_yes_and_no_are_words(tmp_path: Path) -> None:
    assert yaml.safe_load("a: no") == {"a": False}
    assert OURS.reasons["one_contact"].controllable == "yes"
    assert OURS.causes["customer_sold"].controllable == "no"


def test_every_mistake_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    path = changed(tmp_path, "  silence:\n    means:", "  silense:\n    meens:")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("owner: quality", "owner: qualty", 1), encoding="utf-8")
    said = refused(path)
    assert "3 mistakes" in said
    assert "reasons.silense.meens (line " in said
    assert "unknown key; did you mean 'means'?" in said
    assert "reasons.silense.means (line " in said and "is missing" in said
    assert "plays.Remove the cause of the fault.owner (line " in said
    assert "'sales', 'service', 'quality', 'logistics' or 'management', not 'qualty'" in said


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  silence:", "  silense:", "unknown reason 'silense'; did you mean 'silence'?"),
        ("  silence:", "  silense:", "'silence' has no answer"),
        ("  other:", "  other_thing:", "'other' has no answer"),
        ("  customer_sold:", "  custmer_sold:", "did you mean 'customer_sold'?"),
        (
            "plays: [Ask what has changed, Visit and",
            "plays: [Ask what has chaned, Visit and",
            "unknown play 'Ask what has chaned'; did you mean 'Ask what has changed'?",
        ),
        (
            "    controllable: unclear\n",
            "    controllable: no\n",
            "orders, touches and complaints alone never show that we cannot influence it",
        ),
        (
            COMPLAINT_PLAYS,
            "plays: [Keep the promised rebate]",
            "all are manual, so none could be attached",
        ),
        (
            COMPLAINT_PLAYS,
            "plays: []",
            "should be one or more, each once",
        ),
        ("manual: true\n  Keep", "manual: perhaps\n  Keep", "manual (line "),
        ("plays:\n  Ask", "colour: red\nplays:\n  Ask", "unknown key; known here: plays, reasons"),
    ],
)
def test_one_place_that_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert said in refused(changed(tmp_path, before, after))


def test_an_own_family_may_have_an_answer_of_its_own_even_that_nothing_can_be_done(
    tmp_path: Path,
) -> None:
    answer = "{means: It runs out of money., controllable: no, plays: [Look before you call]}"
    path = changed(tmp_path, "  other:\n", f"  other_credit: {answer}\n  other:\n")
    book = load_playbook(path, ["credit"])
    assert book.answer(f"{OTHER}credit").controllable == "no"
    assert book.answer(f"{OTHER}weather") == book.reasons[ELSE]
    assert "unknown reason 'other_credit'" in refused(path)


def test_a_playbook_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match=r"none.yaml: no such playbook; copy configs/playbook"):
        load_playbook(tmp_path / "none.yaml")


def test_the_config_names_one_relative_to_itself_or_takes_ours(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    text = "name: demo\nsources: {orders: {path: o.csv}}\n"
    text += "snapshots: {first: 2024-01-01, last: 2024-06-01}\n"
    path.write_text(text)
    assert load_config(path).scoring.playbook is None
    path.write_text(text + "scoring: {playbook: ours/playbook.yaml}\n")
    assert load_config(path).scoring.playbook == tmp_path / "ours" / "playbook.yaml"
