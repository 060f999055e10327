"""docs/benchmarks-guards.md from the figures of a run."""

from __future__ import annotations

from typing import Any

import pandas as pd
from broken_exports import KINDS

from pipeline.wording import counted

HEAD = """# Broken exports

Written by `make bench-guards`: the figures of the last run, not promises.

{on}, {seeds} {drawn}. Markets of 300 accounts over 28 months, and one of 30
accounts, with the default limits ([guards.md](guards.md)). The training was 150 days before the
last night. Nothing is trained: the slip chances come from the market's own past.

## Broken

The publication before was 30 days ago. A cell says how many of the {markets} markets (standard,
arrivals and seasonal, each with all seeds) were refused / only warned of / not noticed. "Training
alone" is a first night, or one after an upgrade.
"""
NIGHTS = """
## Sound

Sound exports of 90 nights, scored every so many days. "Stamped" exports have `known_at`. The others
hold no such times, and their master data are overwritten in place. Each line counts all seeds.

| market | exports | every | nights | refused | warned | most warnings in 30 days |
|---|---|---|---:|---:|---:|---:|
"""


def page(result: dict[str, Any]) -> str:
    """The page; result: as `guards.main` gathers it."""
    drawn = f"drawn from {result['commit'][:12]}" if result["commit"] else "to develop with"
    broken = pd.DataFrame(result["broken"])
    markets = len(broken[["world", "seed"]].drop_duplicates())
    text = HEAD.format(
        on=result["on"], seeds=counted(len(result["seeds"]), "seed"), drawn=drawn, markets=markets
    )
    shares = sorted(broken["share"].unique())
    columns = [(against, share) for against in ("both", "training") for share in shares]
    heads = [
        f"{share:.0%}{', training alone' if against == 'training' else ''}"
        for against, share in columns
    ]
    lines = [f"| what is broken | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for kind, (says, _) in KINDS.items():
        cells = []
        for against, share in columns:
            rows = broken[
                (broken["kind"] == kind)
                & (broken["share"] == share)
                & (broken["against"] == against)
            ]
            counts = rows["level"].value_counts()
            cells.append(" / ".join(str(counts.get(level, 0)) for level in (2, 1, 0)))
        lines.append(f"| {says} | {' | '.join(cells)} |")
    text += "\n" + "\n".join(lines) + "\n" + NIGHTS
    for (world, stamped, every), rows in pd.DataFrame(result["nights"]).groupby(
        ["world", "stamped", "every"], sort=False
    ):
        text += (
            f"| {world} | {'stamped' if stamped else 'without times'} | "
            f"{counted(every, 'day')} | {rows['nights'].sum()} | "
            f"{rows['refused'].sum()} | {rows['warned'].sum()} | {rows['most_a_month'].max()} |\n"
        )
    return text
