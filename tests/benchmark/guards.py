"""Whether broken exports are refused, and sound ones are not: `make bench-guards`.

Each market is simulated. Profiles are measured by the real reader on Parquet files, and compared as
`score` does; nothing is trained. The slip chances that a publication would record come from the
market's own past: how many overdue orders, as far past due, were departures.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from broken_exports import KINDS, Tables, export, read_market
from guards_page import page
from seeds import seeds_of

from features.contract import TABLES
from pipeline.config import load_config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.guards.compare import Difference, Level, Limits, compare
from pipeline.guards.crossings import compare_crossings, expected_crossings
from pipeline.guards.measure import measure
from pipeline.guards.profile import Profile
from pipeline.market import simulate
from pipeline.sources import load_sources
from pipeline.sources.findings import LoadedTable
from pipeline.sources.versions import copy_known_before
from pipeline.tables.expected_orders import (
    FOREVER,
    ExpectedOrders,
    Silence,
    day_number,
    expected_orders,
)
from pipeline.training.preparation import open_engine

END = date(2026, 1, 1)
NIGHTS = 90
TRAINED_BEFORE = 60  # days before the first night
BREAKS_AFTER = 30  # days after the publication before
MONTHS = 28
WORLDS = ("standard", "arrivals", "seasonal")
ACCOUNTS, FEW = 300, 30
FORMS = ((False, 1), (False, 30), (True, 6))  # with `known_at`, and days between publications
SHARES = (0.2, 0.4, 0.6)
KEY = bytes(32)
RESULTS = Path("var/bench/guards.json")
PAGE = Path("docs/benchmarks-guards.md")

Floats = np.ndarray


Held = Sequence[LoadedTable]


@contextmanager
def loaded(folder: Path, tables: Tables) -> Iterator[tuple[DuckDBEngine, Held]]:
    """Read an export as `score` does."""
    for name, rows in tables.items():
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    content = {
        "name": "guards",
        "sources": {name: {"path": f"{name}.parquet"} for name in tables},
        "snapshots": {"first": date(2025, 1, 1), "last": END},
        "engine": {"threads": 1},
        "output": "out",
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(content), "utf-8")
    config = load_config(folder / "config.yaml")
    with open_engine(config) as engine:
        yield engine, [*load_sources(config, engine).tables.values()]


@dataclass(frozen=True)
class SlipChance:
    """How many overdue orders were departures, by how far they were past due, 0-1 of patience."""

    shares: Floats

    @classmethod
    def of(cls, expected: ExpectedOrders, before: date) -> SlipChance:
        """Learn it from the orders whose patience had ended before a day."""
        seen = expected.seen_on(before)
        over = seen.crossing < day_number(before)
        due, crossing, following = (
            each[over] for each in (seen.due, seen.crossing, seen.following)
        )
        slipped = following >= crossing
        came = np.where(following == FOREVER, np.inf, (following - due) / (crossing - due))
        steps = np.arange(20) / 20
        shares = [slipped.sum() / max((came > step).sum(), 1) for step in steps]
        return cls(np.array(shares))

    def at(self, state: pd.DataFrame, on: date) -> Floats:
        """Return the slip chance of each account on a day; 0 before its order is due."""
        day = pd.Timestamp(on)
        past = (day - state["due_on"]).dt.days / (state["crossing_on"] - state["due_on"]).dt.days
        step = np.clip((past * 20).fillna(0).astype(int), 0, 19)
        return np.where(past >= 0, self.shares[step], 0.0)


def days_past(state: pd.DataFrame, on: date) -> Floats:
    """Return the days since the end of patience of each account, below 0 before it."""
    days: Floats = (pd.Timestamp(on) - state["crossing_on"]).dt.days.to_numpy(dtype=np.float64)
    return days


@dataclass(frozen=True)
class Before:
    """What was recorded: by the publication before, with its date, and by the training."""

    publication: Profile | None
    on: date
    training: Profile


def learn(engine: DuckDBEngine, tables: Held, day: date) -> tuple[Profile, SlipChance]:
    """Record what a training on the loaded tables would."""
    profile = measure(engine, tables, day, key=KEY)
    return profile, SlipChance.of(expected_orders(engine, Silence()), day)


def publish(
    engine: DuckDBEngine, tables: Held, night: date, before: Before, chances: SlipChance
) -> tuple[Profile, list[Difference], list[Difference]]:
    """Record what a publication would.

    Returns what differs from the publication before, and from the training.
    """
    limits = Limits()
    own = measure(engine, tables, night)
    found: list[list[Difference]] = [[], []]
    for place, (then, key) in enumerate(((before.publication, None), (before.training, KEY))):
        if then is not None:
            found[place] += compare(then, measure(engine, tables, like=then, key=key), limits)
    state = expected_orders(engine, Silence()).state(night)
    past = days_past(state, night)
    if before.publication is not None:
        days = (night - before.on).days
        crossed = compare_crossings(before.publication.crossings, past, days, limits)
        found[0] += [] if crossed is None else [crossed]
    crossings = expected_crossings(past, chances.at(state, night), Silence().shortest)
    return replace(own, crossings=crossings), *found


@contextmanager
def known_before(
    engine: DuckDBEngine, tables: Held, night: date, *, stamped: bool
) -> Iterator[DuckDBEngine]:
    """The loaded tables as an export of that morning would be loaded.

    stamped: with `known_at`. Without it, systems hold the newest version of each account,
    overwritten in place, and a late row cannot be told from one that was there in time.
    """
    with engine.beside() as then:
        for table in tables:
            contract = TABLES[table.name]
            copy_known_before(then, contract, datetime.combine(night, time()))
            if not stamped:
                known = contract.occurred if contract.events else "TIMESTAMP '1900-01-01'"
                stages = [s for s in contract.stages if s.known and s.occurred in table.mapped]
                columns = [f"{known} AS known_at", *(f"{s.occurred} AS {s.known}" for s in stages)]
                then.execute(f"DELETE FROM {table.name} WHERE superseded_at IS NOT NULL")
                rows = then.arrow(f"SELECT * REPLACE ({', '.join(columns)}) FROM {table.name}")
                then.register(table.name, rows)
        yield then


def nights(
    engine: DuckDBEngine, tables: Held, *, stamped: bool, every: int
) -> tuple[int, int, int, int, list[str]]:
    """Score sound exports: nights, refused, warned, most warned in 30 days, what was said."""
    first = END - timedelta(days=NIGHTS)
    day = first - timedelta(days=TRAINED_BEFORE)
    with known_before(engine, tables, day, stamped=stamped) as then:
        training, chances = learn(then, tables, day)
    before = Before(None, first, training)
    levels, said = [], []
    for step in range(0, NIGHTS + 1, every):
        night = first + timedelta(days=step)
        with known_before(engine, tables, night, stamped=stamped) as then:
            profile, *found = publish(then, tables, night, before, chances)
        levels.append(max(each.level for part in found for each in part))
        said += [f"{night} {each.key} {each.share:.2f}" for p in found for each in p if each.level]
        before = replace(before, publication=profile, on=night)
    warned = [level > Level.SAME for level in levels]
    month = 30 // every
    most = max(sum(warned[place : place + month]) for place in range(len(warned)))
    return len(levels), levels.count(Level.REFUSED), sum(warned), most, said


def breakage(folder: Path, market: Tables, seed: int) -> Iterator[dict[str, Any]]:
    """Break the export of the last night in all ways; what is said of each."""
    trained, day = END - timedelta(days=NIGHTS + TRAINED_BEFORE), END - timedelta(days=BREAKS_AFTER)
    with loaded(folder, export(market, trained)) as (engine, tables):
        training, chances = learn(engine, tables, trained)
    forms = {}
    for without_lines in (False, True):  # what has no line ids today had none then
        sound = export(market, day)
        if without_lines:
            sound["orders"] = sound["orders"].drop(columns="line_id")
        with loaded(folder, sound) as (engine, tables):
            profile, *_ = publish(engine, tables, day, Before(None, day, training), chances)
        forms[without_lines] = Before(profile, day, training)
    for kind, (_, broken) in KINDS.items():
        for share in SHARES:
            random = np.random.default_rng([seed, round(share * 100)])
            with loaded(folder, broken(export(market, END), share, random)) as (engine, tables):
                _, *found = publish(engine, tables, END, forms[kind == "twice"], chances)
            for against, differences in (("both", found[0] + found[1]), ("training", found[1])):
                worst = max(differences, key=lambda each: (each.level, each.share))
                yield {
                    "kind": kind,
                    "share": share,
                    "against": against,
                    "level": int(worst.level),
                    "first": f"{worst.key} {worst.share:.2f}",
                }


def main() -> None:
    """Run what SEEDS asks for, and write the page where a commit drew them."""
    seeds, commit = seeds_of(os.environ.get("SEEDS", "").strip() or "1")
    result: dict[str, Any] = {"seeds": seeds, "commit": commit, "broken": [], "nights": []}
    result["on"] = date.today().isoformat()
    for seed in seeds:
        for world, accounts in (*((world, ACCOUNTS) for world in WORLDS), ("standard", FEW)):
            name = world if accounts == ACCOUNTS else f"{world}, {accounts} accounts"
            print(f"{name}, seed {seed}", end=" ... ", flush=True)
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                simulate(folder, accounts=accounts, months=MONTHS, seed=seed, world=world, end=END)
                market = read_market(folder)
                if accounts == ACCOUNTS:
                    rows = breakage(folder, market, seed)
                    result["broken"] += [{"world": name, "seed": seed, **row} for row in rows]
                with loaded(folder, market) as (engine, tables):
                    for stamped, every in FORMS:
                        counts = nights(engine, tables, stamped=stamped, every=every)
                        keys = ("nights", "refused", "warned", "most_a_month", "said")
                        row = dict(zip(keys, counts, strict=True))
                        result["nights"].append(
                            {"world": name, "seed": seed, "stamped": stamped, "every": every, **row}
                        )
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
            print("done", flush=True)
    print(page(result))
    if commit:
        PAGE.write_text(page(result), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
