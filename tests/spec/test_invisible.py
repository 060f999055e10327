"""Characters that nobody sees: refused in ids, replaced and counted in texts, shown as escapes."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import ConfigError, DataError
from pipeline.invisible import UNSEEN, escaped
from pipeline.sources import load_sources, readable_paths

CONFIG = """
name: small
snapshots: {first: 2024-02-01, last: 2024-06-01}
sources: {accounts: {path: accounts.csv}}
"""
LIKELY = ["\x01", "\x1b", "\x7f", "\x85", "\xad", "\u200b", "\u200d", "\u200e", "\u2028", "\u202e"]
LIKELY += ["\u2060", "\u2066", "\u2069", "\u3164", "\ufeff", "\U000e0041"]


def loaded(folder: Path, rows: str) -> tuple[list[tuple[object, ...]], str]:
    """The accounts, and all that is said of them."""
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "accounts.csv").write_text(f"account_id,name\nA1,Alpha\n{rows}", encoding="utf-8")
    config = load_config(folder / "config.yaml")
    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        sources = load_sources(config, engine)
        found = engine.rows("SELECT account_id, name FROM accounts ORDER BY ALL")
    return found, "\n".join(line for each in sources.report.findings for line in each.lines())


@pytest.mark.parametrize("sign", LIKELY, ids=ascii)
def test_fault_67_an_id_with_what_nobody_sees_is_refused(tmp_path: Path, sign: str) -> None:
    with pytest.raises(DataError, match="which an id cannot hold") as refused:
        loaded(tmp_path, f"A{sign}2,Beta\n")
    assert sign not in str(refused.value)  # but as its escape


@pytest.mark.parametrize("sign", [*LIKELY, "\n", "\t"], ids=ascii)
def test_fault_67_a_name_with_it_is_cleaned_and_counted(tmp_path: Path, sign: str) -> None:
    rows, said = loaded(tmp_path, f'A2,"{sign}Be{sign}{sign}ta{sign}"\nA3,"{sign}"\n')
    blank = " " if escaped(sign) != sign and unicodedata.category(sign) in ("Cc", "Zl") else ""
    assert rows == [("A1", "Alpha"), ("A2", f"Be{blank}ta"), ("A3", None)]
    assert "2 values: control or invisible characters" in said
    assert sign not in said.replace("\n", "")


def test_fault_67_names_of_every_script_stay(tmp_path: Path) -> None:
    names = [
        "Müller & Söhne",
        "Łódź Sp. z o.o.",
        "株式会社",
        "شركة",
        "אחים",
        "ร้าน",
        "Ünal\u00a0A.Ş.",
        "e\u0301",
    ]
    rows, said = loaded(tmp_path, "".join(f"B{n},{name}\n" for n, name in enumerate(names)))
    assert [name for _, name in rows[1:]] == names
    assert "invisible" not in said


def test_fault_67_every_character_of_the_kind_is_known() -> None:
    """Of Unicode's controls and formats only signs that are drawn are none of them."""
    drawn = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    drawn |= {*range(0x13430, 0x13440)}
    kinds = ("Cc", "Cf", "Zl", "Zp")
    signs = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in kinds]
    seen = [sign for sign in signs if escaped(sign) == sign]
    assert {*map(ord, seen)} <= drawn
    with DuckDBEngine(threads=1) as engine:
        found = engine.rows(f"SELECT x FROM unnest(?) AS s(x) WHERE NOT x ~ '{UNSEEN}'", [signs])
    assert found == [(sign,) for sign in seen]


@pytest.mark.parametrize(
    "text",
    [
        CONFIG + '"na\\nforged: line\\e[2J": 1\n',
        CONFIG + 'features: {families: ["order\\nforged: line\\e[2J"]}\n',
        CONFIG.replace("accounts:", '"acc\\nforged: line\\e[2J":'),
    ],
)
def test_fault_67_a_key_of_the_config_forges_no_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_config(tmp_path / "config.yaml")
    said = str(refused.value)
    assert "forged" in said and "\x1b" not in said.replace("\\x1b", "")
    assert not any(line.startswith("forged") for line in said.splitlines())
