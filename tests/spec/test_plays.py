"""Results by play, drawn: whom lists named, who was acted on, who left, and what a coin tells."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from worlds import arrow

from features.contract import OUTCOMES
from pipeline.config import Config, load_config
from pipeline.config.form import HoldOutConfig
from pipeline.monitoring.lines import of_coin
from pipeline.monitoring.past import Past
from pipeline.monitoring.plays import Labels, plays

FIRST, SECOND, NOW = date(2025, 1, 6), date(2025, 3, 3), date(2025, 6, 1)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(
        "name: drawn\nsources: {orders: {path: orders.csv}}\n"
        "snapshots: {first: 2024-01-01, last: 2025-06-01, every: month}\n"
        "label: {definition: inactivity, horizon_days: 90}\n"
    )
    return load_config(path)


def listing(folder: Path, as_of: date, rows: list[tuple[str, str, str | None, str]]) -> Past:
    """A publication: account, list status, play, tier."""
    place = folder / str(as_of)
    place.mkdir()
    account, status, play, tier = zip(*rows, strict=True)
    table = {
        "rank": range(1, len(rows) + 1),
        "account_id": account,
        "play": play,
        "list_status": status,
        "tier": tier,
        "key_account": [False] * len(rows),
    }
    pq.write_table(
        pa.table({name: pa.array(values) for name, values in table.items()}),
        place / "scores.parquet",
    )
    return Past(place, as_of, 1, "")


def acted(account: str, day: str, result: str = "reached") -> dict[str, object]:
    on = datetime.fromisoformat(day)
    given = {"account_id": account, "action": "call", "date": on, "known_at": on, "result": result}
    return dict.fromkeys(OUTCOMES.stored()) | given | {"deleted": False}


def labels(defected: dict[str, int], as_of: date = FIRST) -> Labels:
    """Those of one list are known."""

    def of(wanted: pd.DataFrame) -> pd.DataFrame:
        asked = wanted[wanted["as_of"] == pd.Timestamp(as_of)]
        return asked.assign(defected=asked["account_id"].map(defected))

    return of


def test_an_account_counts_once_a_play_by_the_first_list(engine, config, tmp_path) -> None:
    pasts = [
        listing(
            tmp_path,
            FIRST,
            [
                ("A", "listed", "call", "B"),
                ("B", "listed", "call", "B"),
                ("C", "resting", "call", "B"),
                ("D", "listed", None, "B"),
            ],
        ),
        listing(tmp_path, SECOND, [("A", "listed", "call", "B"), ("B", "listed", "visit", "B")]),
    ]
    actions = [
        acted("A", "2025-01-20"),
        acted("B", "2025-04-10"),  # after the horizon of the first list, within that of the second
        acted("C", "2025-01-20"),  # was not listed
        acted("D", "2025-07-01"),  # nobody knows of it yet
    ]
    engine.register("outcomes", arrow("outcomes", actions))
    found = plays(engine, config, pasts, labels({"A": 0, "B": 1, "C": 1, "D": 1}), NOW)
    engine.drop("outcomes")
    by_play = {play["play"]: play for play in found["plays"]}
    assert {name: (play["listed"], play["acted"]) for name, play in by_play.items()} == {
        "call": (2, 1),
        "visit": (1, 1),
        "no play": (1, 0),
    }
    assert by_play["call"]["acted_ripe"] == {"accounts": 1, "defected": 0}
    assert by_play["call"]["not_acted_ripe"] == {"accounts": 1, "defected": 1}
    assert by_play["visit"]["acted_ripe"] == {"accounts": 0, "defected": 0}  # not ripe yet
    assert by_play["call"]["results"] == {"others": 1}  # one account's words are not told
    assert found["coins"] == []


def hold_out(config: Config, **choice: object) -> Config:
    scoring = config.scoring.model_copy(update={"hold_out": HoldOutConfig(share=0.3, **choice)})
    return config.model_copy(update={"scoring": scoring})


def test_held_out_accounts_are_compared_with_those_the_coin_could_have_held_out(
    engine, config, tmp_path
) -> None:
    rows = [(f"H{n}", "held_out", None, "B") for n in range(10)]
    rows += [(f"L{n}", "listed", "call", "B") for n in range(20)]
    rows += [(f"K{n}", "listed", "call", "A") for n in range(5)]  # never held out
    pasts = [listing(tmp_path, FIRST, rows), listing(tmp_path, SECOND, rows)]
    defected = {account: int(account in {"H0", "H1", "H2", "L0", "K0"}) for account, *_ in rows}
    found = plays(engine, hold_out(config), pasts, labels(defected), NOW)
    assert "No outcomes are recorded" in found["why_not"]
    (coin,) = found["coins"]
    assert (coin["coin"], coin["tiers"], coin["key_accounts"]) == ("held_out", ["B", "C"], False)
    assert coin["apart"] == {"accounts": 10, "defected": 3}
    assert coin["called"] == {"accounts": 20, "defected": 1}
    assert coin["difference"] == pytest.approx(0.25)
    assert coin["low"] < 0.25 < coin["high"]
    assert of_coin(coin).startswith(
        "Held out by a coin (tier B, C, no key accounts): 3 of 10 held out defected, 1 of 20 called"
    )


def test_delayed_calls_are_a_comparison_of_tier_a_by_the_first_list_of_the_year(
    engine, config, tmp_path
) -> None:
    first = [("D0", "delayed", None, "A"), ("D1", "delayed", None, "A")]
    first += [("L0", "listed", "call", "A"), ("L1", "listed", "call", "A")]
    first += [("H0", "held_out", None, "B"), ("L2", "listed", "call", "B")]
    later = [(account, "listed", "call", tier) for account, _, _, tier in first]
    pasts = [listing(tmp_path, FIRST, first), listing(tmp_path, SECOND, later)]
    known = labels({"D0": 1, "D1": 1, "L0": 1, "L1": 0, "H0": 0, "L2": 1})
    found = plays(engine, hold_out(config, tier_a="delay"), pasts, known, NOW)
    held, delayed = found["coins"]
    assert (held["tiers"], held["apart"], held["called"]) == (
        ["B", "C"],
        {"accounts": 1, "defected": 0},
        {"accounts": 1, "defected": 1},
    )
    assert (delayed["coin"], delayed["tiers"]) == ("delayed", ["A"])
    assert delayed["apart"] == {"accounts": 2, "defected": 2}
    assert delayed["called"] == {"accounts": 2, "defected": 1}


def test_without_lists_there_is_nothing_to_count(engine, config) -> None:
    assert plays(engine, config, [], labels({}), NOW)["why_not"] == "There is no earlier list."
