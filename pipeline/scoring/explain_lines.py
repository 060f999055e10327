"""An explained account as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.config.playbook import Playbook
from pipeline.scoring.explain import Account
from pipeline.scoring.reasons import SMALLEST, Reason, stated

_MOVED = 5  # groups that are named as having moved
_LABEL = 16  # signs before what a line says


def lines(account: Account) -> Iterator[str]:
    """All that is known of the account, for a terminal."""
    row = account.row
    yield _title(row)
    if row["as_of"] < account.learned_until:
        yield (
            f"Looking back: the model learned from what happened until {account.learned_until}, so "
            "it has seen what came after this snapshot."
        )
    yield from _figures(account)
    yield ""
    if row["crossed_on"] is None:
        yield "What moved the model, as a factor on the odds; not proof of a cause"
        yield from _reasons(account.reasons)
        yield ""
        yield from _what_to_do(account.reasons, account.playbook)
        yield ""
    yield from _since(account)
    yield ""
    yield "Latest events known at the snapshot"
    for event in account.events:
        yield f"  {event.at:%Y-%m-%d}  {event.kind:<10} {event.what}"


def _title(row: Mapping[str, Any]) -> str:
    parts = [f"Account {row['account_id']}", row["name"]]
    parts += [f"owner {row['owner_id']}"] if row["owner_id"] else []
    parts += [f"as of {row['as_of']}", f"model version {row['model_version']}"]
    return ", ".join(part for part in parts if part)


def _figures(account: Account) -> Iterator[str]:
    row = account.row
    if row["risk"] is None:
        yield _line("risk", f"none: it stopped ordering; its patience ended on {row['crossed_on']}")
    else:
        risk = f"{row['risk']:.1%} ({row['risk_band']}) of {account.defection}"
        yield _line("risk", f"{risk}; {account.mean_risk:.1%} on average of all accounts")
    again = {days: row[f"reorder_{days}"] for days in (90, 180)}
    if known := [
        f"{days} days {chance:.1%}" for days, chance in again.items() if chance is not None
    ]:
        yield _line("orders again in", f"{', '.join(known)}, without a call")
    if row["slip_chance"]:
        yield _line("already gone", f"{row['slip_chance']:.1%}")
    horizons = {days: row[f"risk_{days}"] for days in (30, 90, 180)}
    told = ", ".join(f"{d} days {risk:.1%}" for d, risk in horizons.items() if risk is not None)
    if told:
        yield _line("no order in", told)
    money = f" {row['currency']}" if row["currency"] else ""
    stake = f"{row['value_at_stake']:z,.0f}{money}"
    yield _line("value at stake", f"{stake}, counted in {row['value_basis']}; tier {row['tier']}")
    if row["next_year_low"] is not None:
        ends = f"{row['next_year_low']:z,.0f} to {row['next_year_high']:z,.0f}{money}"
        yield _line("next year", f"{ends} if it stays; so do 9 in 10 such accounts")
    if row["key_account"]:
        leaving = "" if row["crossed_on"] is None else "leaving; "
        yield _line("key account", f"{leaving}{row['key_account_note']}")
    if row["expected_loss"] is not None:
        yield _line("expected loss", f"{row['expected_loss']:z,.0f}{money}")
    score = "" if row["call_score"] is None else f"call score {row['call_score']:z,.0f}; "
    value = f"value of a call {row['call_value']:z,.0f}{money}"
    yield _line("rank", f"{row['rank']:,} of {account.scored:,} accounts; {score}{value}")
    gap = row["usual_gap"]
    usual = f"; usually {gap:.0f} days between orders" if gap is not None else ""
    last = f"{row['last_order_at']:%Y-%m-%d}, {row['days_silent']:.0f} days ago{usual}"
    yield _line("last order", last)
    if row["due_on"] is not None and row["crossed_on"] is None:
        overdue = row["days_past_due"]
        late = f", {overdue:.0f} days overdue" if overdue > 0 else ""
        yield _line("next order", f"expected on {row['due_on']}{late}")
    if row["last_touch_at"] is not None:
        yield _line("last touch", f"{row['last_touch_at']:%Y-%m-%d}")
    if row["thin_history"]:
        yield _line("thin history", "fewer than three order days; its rhythm is not known yet")


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"


def _reasons(reasons: Sequence[Reason]) -> Iterator[str]:
    """Every group whose part is not negligible; what is stated on the list is numbered."""
    places = {reason.group.name: str(n) for n, reason in enumerate(stated(reasons), start=1)}
    told = [reason for reason in reasons if abs(reason.adds) >= SMALLEST]
    for reason in told:
        place = places.get(reason.group.name, "")
        yield (
            f"  {place:<2}{reason.direction:<7}x{math.exp(reason.adds):<6.2f}"
            f"{reason.group.says}{_own_numbers(reason)}"
        )
    if not any(reason.stated for reason in told):
        yield "    nothing that can be stated raises its risk"
    rest = math.fsum(reason.adds for reason in reasons if abs(reason.adds) < SMALLEST)
    yield f"    smaller ones together x{math.exp(rest):.2f}"


def _own_numbers(reason: Reason) -> str:
    if not reason.text:
        return ""
    unsure = reason.adds > 0 and not reason.stated
    return f": {reason.text}" + (" (not stated: no worse than the usual account)" if unsure else "")


def _what_to_do(reasons: Sequence[Reason], playbook: Playbook) -> Iterator[str]:
    """The plays of the strongest stated reason, the attached one first."""
    for reason in stated(reasons)[:1]:
        answer = playbook.answer(reason.group.name)
        attached = playbook.first_play(reason.group.name)
        play = playbook.plays[attached]
        yield f"What to do: {attached} ({play.owner})"
        yield _line("why", f"{answer.means} Within our reach: {answer.controllable}.")
        yield _line("how", play.does)
        for name in answer.plays:
            if name != attached:
                further = playbook.plays[name]
                label = "if you think so" if further.manual else "then"
                yield _line(label, f"{name} ({further.owner})")
        return
    yield "What to do: no play is attached, because no reason is stated"


def _since(account: Account) -> Iterator[str]:
    """What moved since the previous publication."""
    before = account.before
    if before is None:
        yield "No publication lies before this snapshot, so nothing is known to have moved"
        return
    if before.risk is None:
        yield f"Since {before.as_of}: it was not scored then"
        return
    if account.row["risk"] is None:
        yield f"Since {before.as_of}: risk {before.risk:.1%}, now it has stopped ordering"
        return
    change = account.row["risk"] - before.risk
    points = f"{100 * change:+z.1f} points"
    yield f"Since {before.as_of}: risk {before.risk:.1%}, now {account.row['risk']:.1%} ({points})"
    if before.why_not:
        yield f"  what moved it cannot be told: {before.why_not}"
        return
    then = {reason.group.name: reason for reason in before.reasons}
    now = {reason.group.name: reason for reason in account.reasons}
    moved = sorted(
        ((_adds(now.get(name)) - _adds(then.get(name)), name) for name in then | now),
        key=lambda move: (-abs(move[0]), move[1]),
    )
    shown = [(by, name) for by, name in moved if abs(by) >= SMALLEST][:_MOVED]
    for by, name in shown:
        pair = [side[name] for side in (then, now) if name in side]
        texts = list(dict.fromkeys(reason.text for reason in pair if reason.text))
        told = f": {'; now '.join(texts)}" if texts else ""
        yield f"  x{math.exp(by):<6.2f}{pair[0].group.says}{told}"
    if not shown:
        yield "  nothing moved by as much as five per cent of the odds"


def _adds(reason: Reason | None) -> float:
    return reason.adds if reason is not None else 0.0
