"""Configs and playbooks that are damaged as text, or say odd things in good YAML."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import yaml
from damage import VALUES, damaged, move
from fuzz_csv import ROWS
from fuzz_input import BAD_CONFIG, CANNOT_WRITE, DATA, LIMITS, MISSING, OK, FuzzInput
from small_files import CONFIG, as_csv, as_parquet, good_rows

from features.contract import CAUSES
from pipeline.scoring.reason_texts import GROUPS

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "order_timing.py"
_BASE: dict[str, Any] = {
    "name": "small",
    "timezone": "Europe/Berlin",
    "currency": "EUR",
    "inputs": {"raw": {"path": "raw.csv", "delimiter": ",", "encoding": "utf-8"}},
    "sources": {
        "touches": {
            "path": "touches.csv",
            "format": "csv",
            "columns": {"role": "role"},
            "decimal": ".",
            "datetime_format": ["%Y-%m-%d %H:%M:%S"],
            "timezone": "UTC",
            "complete_until": "2024-03-01T00:00:00",
            "dedupe": True,
            "max_quarantined_share": 0.1,
        },
        "reps": {"path": "reps.parquet"},
        "account_merges": {"sql": "merges.sql"},
    },
    "snapshots": {"first": "2024-01-20", "last": "2024-02-01", "every": "week"},
    "cohort": {"days": 90},
    "label": {"definition": "inactivity", "horizon_days": 30, "horizons_days": [30, 90]},
    "features": {"families": ["contact_breadth"], "windows_days": [30, 90], "resolution_days": 9},
    "backtest": {"test_snapshots": ["2024-01-20"], "treated": "keep"},
    "model": {"trees": 10, "leaves": 4, "learning_rate": 0.1, "seed": 3, "threads": 1, "jobs": 1},
    "scoring": {
        "max_staleness_days": 3,
        "bands": {"high": 0.5, "low": 0},
        "hold_out": {"share": 0.1},
        "key_accounts": {"named": ["A1"], "profit_share": 0.4, "growth": -0.1},
        "effort": {"A": "win back"},
        "profit": {"contact_cost": 10, "value_days": 90},
        "postgresql": {"url_variable": "SCORES_URL", "table": "s.scores"},
    },
    "gate": {"least_gain": 0.01, "max_lag_days": 30},
    "monitor": {"false_alarm_rate": 0.05},
    "engine": LIMITS,
    "tracking": {"folder": "mlflow", "experiment": "e", "model_name": "m"},
    "output": "out",
}
_FILES = {
    "raw.csv": as_csv(good_rows("account_merges", ROWS)),
    "touches.csv": as_csv(good_rows("touches", ROWS)),
    "reps.parquet": as_parquet(good_rows("reps", ROWS), "reps"),
    "merges.sql": b"SELECT from_id, into_id, known_at FROM raw",
    "spill/.keep": b"",
}
_TOKENS = (
    *("&a ", "*a", "!!python/object/apply:os.system ['true']", "!!binary x", "!", "! x", "!!int "),
    *(
        "<<: *a",
        "<<: {name: x}",
        "{",
        "}",
        "[",
        "]",
        "- ",
        "? ",
        "? [a, b]\n: c",
        ": ",
        "| ",
        ">\n",
    ),
    *("---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "\t", "~", "null", ".inf", ".nan", "1e309"),
    *(
        "0x" + "f" * 5000,
        "9" * 5000,
        "1" + ":59" * 400,
        "0b1",
        "0o7",
        "1_0",
        "=",
        "yes",
        "on",
        "''",
    ),
    *('"\\ud800"', '"\\0"', '"\\x07"', '"\\U0010ffff"', "\ufeff", "\u2028", "\x85", "\U0001f600"),
    *("2024-13-01", "2024-01-01T00:00:00+23:59", "0001-01-01T00:00:00+23:59", "0000-00-00"),
    *("9999-12-31T23:59:59-23:59", "# note", "'", '"', "\\", "@", "`", "%", "\n", "\n  ", "  "),
    *("x" * 20_000, "${NOT_SET}", "a://u:secret@h/x", "**", "*", "?", "a**b", "[", "[!", "."),
)
_NESTED = ("[", "{a: ", "- ", "? ", "[{", '"', "!!x [", "&a [", "a: {b: ")
_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, 1.0, -0.0, 1e308, 1e-308, 10**30, 2**31, 2**63, 100_000),
    *(float("inf"), float("nan"), "", " ", "x", "x" * 300, "x" * 5000, [], {}, [1], [[]], {"a": 1}),
    *("touches.csv", "reps.parquet", "raw.csv", "merges.sql", CONFIG, "none.csv", "*.csv", "*"),
    *(
        "**",
        "a**b",
        "[",
        "[a-",
        "?",
        ".",
        "./",
        "spill",
        "a/b",
        "touches.csv/x",
        "${}",
        "${NONE}/x",
    ),
    *("\0", "\ud800", "\U0001f600", "%", "%Y", "%Y" * 500, "utf-16", "idna", "punycode", "hex"),
    *("undefined", "unicode_escape", "utf-7", "rot13", "mbcs", "UTC", "../UTC", "Europe", "posix"),
    *("postgresql://u:secret@h/x", '"', ";", "\n", ["a", "a"], [30, 90], ["x" * 100] * 100),
    *(
        {"role": 'a"b'},
        {"role": "role", "rep_id": "role"},
        {"role": "ROLE"},
        {"account_id": "\ud800"},
    ),
    *("2024-01-05", "2024-02-30", "9999-12-31", "0001-01-01", "2024-01-05T00:00:00Z", "NOW"),
)
_PATHS = {"path", "sql", "output", "spill_folder", "playbook", "folder", "own_families"}


def draw(random: Random) -> FuzzInput:
    """A config of every section, or of few, and what became of it; one in ten a playbook."""
    if random.random() < 0.08:
        return _playbook(random)
    base = _base(random)
    while True:
        text = _changed(random, base)
        if _stays_inside(text):
            break
    files = {**_FILES, CONFIG: text}
    if "own_families" in base["features"]:
        files["order_timing.py"] = _EXAMPLE.read_bytes()
    return FuzzInput("yaml", files, _codes(text, base, {*files}))


def _base(random: Random) -> dict[str, Any]:
    base = dict(_BASE)
    if random.random() < 0.6:
        kept = {"name", "sources", "snapshots", "engine", "output", "inputs"}
        base = {key: part for key, part in base.items() if key in kept or random.random() < 0.15}
    base.setdefault("features", {})
    if random.random() < 0.1:
        base["engine"] = LIMITS | {"spill_folder": "spill"}
    if random.random() < 0.03:
        base["features"] = {"own_families": {"order_timing": "order_timing.py"}}
    return base


def _changed(random: Random, base: dict[str, Any]) -> bytes:
    if random.random() < 0.45:
        return _dumped(_odd_value(random, base)).encode()
    text = _dumped(base, random.choice((None, False)))
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        text = _token(random, text)
    content = text.encode(errors="surrogatepass")
    return damaged(random, content) if random.random() < 0.2 else content


def _dumped(content: Any, flow: bool | None = False) -> str:
    try:
        return str(yaml.dump(content, Dumper=_DUMPER, sort_keys=False, default_flow_style=flow))
    except UnicodeEncodeError:  # half a character, which only the slower one writes
        return str(yaml.safe_dump(content, sort_keys=False, default_flow_style=flow))


def _odd_value(random: Random, base: dict[str, Any]) -> Any:
    """The content with some values, or keys, replaced."""
    content: Any = deepcopy(base)
    for _ in range(random.choice((1, 1, 2, 4))):
        places = [*_places(content)]
        holder, key = random.choice(places)
        if isinstance(holder, dict) and random.random() < 0.15:
            value = holder.pop(key)
            if random.random() < 0.7:
                holder[random.choice(("x", "", 1, None, True, "a.b", f"{key} ", "path", 1.5))] = (
                    value
                )
        else:
            holder[key] = deepcopy(random.choice(_ODD))
    return content


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    keys = content if isinstance(content, dict) else range(len(content))
    for key in keys:
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])


def _token(random: Random, text: str) -> str:
    parts = re.findall(r"\w+|\s+|.", text) or [""]
    at = random.randrange(len(parts))
    match random.randrange(12):
        case 0 | 1 | 2 as how:
            move(random, parts, at, how)
        case 3:
            parts[at] = random.choice(VALUES)
        case 4:
            lines = text.splitlines(keepends=True)
            lines.insert(random.randrange(len(lines)), random.choice(lines))
            return "".join(lines)
        case 5:
            lines = text.splitlines(keepends=True)
            at = random.randrange(len(lines))
            lines[at] = random.choice((" ", "  ", "\t", "- ")) + lines[at]
            return "".join(lines)
        case 6:
            parts[at] = random.choice(_NESTED) * random.choice((3, 50, 500, 3000))
        case 7:
            parts[at : at + 1] = [_laughs(random)]
        case 8 | 9:
            parts.insert(at, random.choice(_TOKENS))
        case _:
            parts[at] = random.choice(_TOKENS)
    return "".join(parts)


def _laughs(random: Random) -> str:
    """Anchors that multiply: read naively, ten to the ninth values."""
    lines = ["\na0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    return "\n".join(lines[: random.choice((2, 9))]) + "\n"


def _stays_inside(text: bytes) -> bool:
    """Whether no value is a path that leads out of the project: nothing else is read or written."""
    try:
        content = _content(text)
    except ValueError:
        return True
    return all(_inside(value) for value in _texts(content))


def _content(text: bytes) -> Any:
    """What another reader finds in the file; ValueError where it finds no YAML."""
    try:
        return yaml.load(text.decode(), _LOADER)
    except Exception as error:  # of a dozen kinds: it is none of ours
        raise ValueError(str(error)) from error


def _inside(text: str) -> bool:
    expanded = os.path.expandvars(text)
    return ".." not in text and not expanded.startswith("/") and expanded == text


def _texts(content: Any) -> Iterator[str]:
    yield from (text for text, _ in _leaves(content, {}, False) if isinstance(text, str))


def _leaves(content: Any, seen: dict[int, Any], path: bool) -> Iterator[tuple[Any, bool]]:
    """Every plain value, and whether it is one of a key that holds paths; shared parts once."""
    if not isinstance(content, dict | list):
        yield content, path
    elif id(content) not in seen:
        seen[id(content)] = content
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in items:
            yield from _leaves(value, seen, path or key in _PATHS)


def _codes(text: bytes, base: dict[str, Any], files: set[str]) -> frozenset[int]:
    """What can be meant: 78 for no form; 66 only where a path is another than before."""
    try:
        content = _content(text)
    except ValueError:
        return frozenset({BAD_CONFIG})
    if not isinstance(content, dict):
        return frozenset({BAD_CONFIG})
    plain = deepcopy(base)
    if content == plain:
        return frozenset({OK, BAD_CONFIG} if _more_than_content(text) else {OK})
    codes = {OK, DATA, BAD_CONFIG}
    before, now = (
        Counter(str(value) for value, path in _leaves(c, {}, False) if path)
        for c in (plain, content)
    )
    if now - before or content.get("output") != plain.get("output"):
        codes |= {MISSING, CANNOT_WRITE}
    return frozenset(codes)


def _more_than_content(text: bytes) -> bool:
    """Whether there may be a tag, an anchor or a key given twice, which the content hides."""
    keys = re.findall(rb"^ *[\w.]+:", text, re.MULTILINE)
    return bool(re.search(rb"[&!<{?]", text)) or len({*keys}) < len(keys)


def _playbook(random: Random) -> FuzzInput:
    answer = {"means": "it buys less", "controllable": "unclear", "plays": ["Call", "Visit"]}
    play = {"does": "call the buyer", "owner": "sales"}
    book = {
        "plays": {"Call": play, "Visit": play | {"manual": True}},
        "reasons": {group.name: answer for group in GROUPS} | {"other": answer},
        "causes": {CAUSES[0]: answer},
    }
    content: dict[str, Any] = {
        "name": "small",
        "sources": {"reps": {"path": "reps.parquet"}},
        "snapshots": _BASE["snapshots"],
        "engine": LIMITS,
        "scoring": {"playbook": "book.yaml"},
        "output": "out",
    }
    files = {
        CONFIG: yaml.safe_dump(content).encode(),
        "book.yaml": _changed(random, yaml.safe_load(_plain(book))),
        "reps.parquet": _FILES["reps.parquet"],
    }
    return FuzzInput("playbook", files, frozenset({OK, BAD_CONFIG}))


def _plain(content: Any) -> str:
    """Without the aliases that YAML writes for what stands at two places."""
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda *_: True})
    return yaml.dump(content, Dumper=dumper)
