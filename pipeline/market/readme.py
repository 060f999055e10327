"""The README that lies beside a simulated market, so that nobody takes it for a real one."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.market.calendar import Calendar
from pipeline.market.worlds import World

_TEXT = """\
# A simulated market

Nothing in this folder is real. The companies, people, orders, touches and complaints were made up
by a program from a seed; names that resemble real companies do so by chance. What a model learns
here shows that the machinery works, not how well it would do on real accounts.

Made with {accounts} accounts, {months} months, seed {seed}; the history covers {start} to {last}.
World `{world}`, effect {effect}: {says}.
The same program with the same arguments makes the same files, byte by byte.

| file | rows | a row is |
|---|---:|---|
| orders.parquet | {orders} | an order line, or a return (negative quantity and amount) |
| touches.parquet | {touches} | an interaction between a contact and a representative |
| complaints.parquet | {complaints} | a complaint; a second version where it was solved twice |
| accounts.parquet | {account_rows} | a version of an account, from `known_at` until the next |
| reps.parquet | {reps} | a version of a representative, from `known_at` until the next |
| truth.parquet | {truth} | an account in a month: hidden state, chance of silence, its leaving |
| leaves_90.parquet | {leaves_90} | an account in a month: chance to leave in the next 90 days |
| truth_events.parquet | {truth_events} | something that pushed an account towards leaving |

Times are UTC, money is in euros, `known_at` is when the supplier's systems learned of the row.

`truth.parquet`, `leaves_90.parquet` and `truth_events.parquet` are the answer sheet. No feature,
label or model may read them.
"""


def readme(
    accounts: int,
    months: int,
    seed: int,
    calendar: Calendar,
    world: World,
    effect: str,
    rows: Mapping[str, int],
) -> str:
    """The text, with the arguments of the market and its numbers of rows."""
    last = calendar.end.fromordinal(calendar.end.toordinal() - 1)
    counts = {name: f"{count:,}" for name, count in rows.items()}
    return _TEXT.format(
        world=world.name, effect=effect, says=world.says,
        months=months, seed=seed, start=calendar.start, last=last,
        account_rows=counts.pop("accounts"), accounts=f"{accounts:,}", **counts,
    )  # fmt: skip
