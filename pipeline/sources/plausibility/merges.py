"""Accounts that were merged in a circle, of which none is the one that goes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.engines import literal
from pipeline.sources.findings import MOST_EXAMPLES, Example, Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.wording import counted, shortened


def circles(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """The circles of the merges that count at last."""
    seen = tables.get("account_merges")
    if seen is None:
        return
    merged = dict(
        seen.rows(
            "SELECT from_id, arg_max(into_id, known_at) FROM account_merges "
            "WHERE NOT deleted AND superseded_at IS NULL GROUP BY from_id ORDER BY from_id"
        )
    )
    found = list(merge_circles(merged))
    if not found:
        return
    of_first = " OR ".join(
        f"(from_id = {literal(a)} AND into_id = {literal(merged[a])})" for a in found[0]
    )
    last = found[0][-1]
    shown = [" into ".join(map(shortened, (*circle, circle[0]))) for circle in found]
    yield seen.warning(
        f"{counted(len(found), 'circle')} of merged accounts, which stay as they were: "
        + "; ".join(shown[:MOST_EXAMPLES]),
        "into_id",
        len(found),
        tuple(
            Example(each.value, each.file, each.row)
            for each in seen.examples(of_first, "concat(from_id, ' into ', into_id)")
        ),
        f"withdraw one of the merges of a circle: a row {shortened(last)} into "
        f"{shortened(merged[last])} with the time of its withdrawal as `known_at` and "
        "`deleted` true",
    )


def merge_circles(merged: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """The circles of a mapping from accounts to those that they became part of, each once."""
    done: set[str] = set()
    for start in merged:
        path: dict[str, None] = {}
        account: str | None = start
        while account is not None and account not in done and account not in path:
            path[account] = None
            account = merged.get(account)
        if account is not None and account in path:
            order = list(path)
            yield tuple(order[order.index(account) :])
        done |= path.keys()
