"""Internal, cash and test accounts: out of every table, and counted."""

from __future__ import annotations

from pathlib import Path

import kinds
import pytest
from kinds import Source

from pipeline.errors import DataError
from pipeline.sources.account_choice import chosen_accounts

ORDERS = """
    account | day | amount
    K1      | -90 | 100
    K1      | -50 | 100
    CASH    | -40 | 5
    TEST-1  | -30 | 1
    TEST-2  | -20 | 1
    K2      | -10 | 50
    """
TOUCHES = """account_id,contact_id,rep_id,occurred_at
K1,c1,r1,2024-02-01
TEST-3,c2,r1,2024-02-02
"""
ACCOUNTS = """account_id,name,segment,known_at
K1,Total Energies,industry,2023-01-01
K2,Own warehouse,industry,2023-01-01
K2,Own warehouse,internal,2024-01-01
CASH,Cash sales,,2023-01-01
"""
MERGES = """from_id,into_id,known_at
K1,K3,2024-02-01
K1b,CASH,2024-02-01
TEST-1,K2,2024-02-01
"""


def load(folder: Path, **exclude: list[str]) -> tuple[Source, list[str]]:
    """The sources, and what was said of the accounts that are left out."""
    files = {"touches": TOUCHES, "accounts": ACCOUNTS, "account_merges": MERGES}
    source = Source(folder, kinds.rows(ORDERS), files, accounts={"exclude": exclude})
    findings = source.load().report.findings
    return source, [f"{f.severity}: {f.what}" for f in findings if "accounts.exclude" in f.what]


def accounts_of(source: Source, table: str, column: str = "account_id") -> list[str]:
    return [
        row[0] for row in source.engine.rows(f"SELECT DISTINCT {column} FROM {table} ORDER BY 1")
    ]


@pytest.mark.parametrize(
    ("exclude", "left", "says"),
    [
        (
            {"account_id": ["CASH", "TEST-*"]},
            ["K1", "K2"],
            "4 accounts left out (`accounts.exclude`), rows: 3 of orders, 1 of touches, "
            "1 of accounts, 2 of account_merges",
        ),
        (
            {"account_id": ["TEST-?"]},
            ["CASH", "K1", "K2"],
            "3 accounts left out (`accounts.exclude`), rows: 2 of orders, 1 of touches, "
            "1 of account_merges",
        ),
        (
            {"segment": ["internal"]},
            ["CASH", "K1", "TEST-1", "TEST-2"],
            "1 account left out (`accounts.exclude`), rows: 1 of orders, 2 of accounts, "
            "1 of account_merges",
        ),
        (
            {"name": ["* sales", "Own*"]},
            ["K1", "TEST-1", "TEST-2"],
            "2 accounts left out (`accounts.exclude`), rows: 2 of orders, 3 of accounts, "
            "2 of account_merges",
        ),
    ],
)
def test_accounts_are_left_out_of_every_table(tmp_path, exclude, left, says) -> None:
    """By id, name or segment; the segment is that of the latest version, for all time."""
    source, said = load(tmp_path, **exclude)
    with source.engine:
        assert accounts_of(source, "orders") == left
        assert said == [f"note: {says}"]
        rows = {name: len(source.engine.rows(f"FROM {name}")) for name in ("orders", "accounts")}
        assert {name: source.load().tables[name].rows for name in rows} == rows


def test_nothing_is_left_out_unless_the_config_says_so(tmp_path) -> None:
    source, said = load(tmp_path)
    with source.engine:
        assert accounts_of(source, "orders") == ["CASH", "K1", "K2", "TEST-1", "TEST-2"]
        assert accounts_of(source, "account_merges", "from_id") == ["K1", "K1b", "TEST-1"]
    assert said == []


def test_a_pattern_is_no_expression_and_capitals_matter(tmp_path) -> None:
    """A pattern that matches no account is likely a mistake."""
    source, said = load(tmp_path, account_id=["K.", "test-*", "TEST-1"], name=["[A-Z]*"])
    with source.engine:
        assert accounts_of(source, "orders") == ["CASH", "K1", "K2", "TEST-2"]
    assert said == [
        "warning: `accounts.exclude.account_id`: no account matches 'K.'",
        "warning: `accounts.exclude.account_id`: no account matches 'test-*'",
        "warning: `accounts.exclude.name`: no account matches '[A-Z]*'",
        "note: 1 account left out (`accounts.exclude`), rows: 1 of orders, 1 of account_merges",
    ]


def test_to_leave_out_everybody_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"`accounts\.exclude` leaves no row"):
        load(tmp_path, account_id=["*"])


def test_accounts_of_single_projects_are_named_by_the_same_patterns(tmp_path) -> None:
    """They stay in all tables; tests/spec/test_listing.py shows what becomes of them."""
    files = {"accounts": ACCOUNTS}
    one_off = {"segment": ["industry"], "account_id": ["TEST-2", "K9"]}
    source = Source(tmp_path, kinds.rows(ORDERS), files, accounts={"one_off": one_off})
    with source.engine:
        sources = source.load()
        assert accounts_of(source, "orders") == ["CASH", "K1", "K2", "TEST-1", "TEST-2"]
        (warning,) = sources.warnings
        assert warning.what == "`accounts.one_off.account_id`: no account matches 'K9'"
        chosen = source.config.accounts.one_off
        assert chosen_accounts(source.engine, sources.tables.keys(), chosen) == ["K1", "TEST-2"]


def test_names_and_segments_need_master_data(tmp_path) -> None:
    source = Source(tmp_path, kinds.rows(ORDERS), accounts={"exclude": {"segment": ["internal"]}})
    with source.engine, pytest.raises(DataError, match="there is no table of accounts"):
        source.load()
