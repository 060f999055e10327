"""One account that stands for many: cash sales, one-off customers, web guests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.engines import literal
from pipeline.sources.findings import Example, Finding
from pipeline.sources.plausibility.seen import Seen
from pipeline.wording import shortened

FEWEST_ACCOUNTS = 50
LARGE_SHARE = 0.25


def nameless_account(tables: Mapping[str, Seen]) -> Iterator[Finding]:
    """An account without a name that has a quarter of the lines of fifty or more accounts."""
    seen = tables.get("orders")
    if seen is None or not seen.has("account_id"):
        return
    accounts, lines, most, account = seen.rows(
        "SELECT count(*), sum(lines), max(lines), arg_max(account_id, lines) FROM (SELECT "
        "account_id, count(*) AS lines FROM orders WHERE NOT deleted GROUP BY account_id)"
    )[0]
    if accounts < FEWEST_ACCOUNTS or most < LARGE_SHARE * lines or account is None:
        return
    names = tables.get("accounts")
    if names is not None and names.has("name"):
        named = "SELECT 1 FROM accounts WHERE account_id = ? AND trim(name) <> '' LIMIT 1"
        if seen.engine.rows(named, [account]):
            return
    yield seen.warning(
        f"an account without a name has {most:,} of {lines:,} lines ({most / lines:.1%}) of "
        f"{accounts:,} accounts: cash sales or one-off customers?",
        "account_id",
        most,
        (Example(shortened(account)),),
        f"if it is no customer, leave it out: `accounts: {{exclude: [{literal(account)}]}}`; "
        "if it is one, give it a name in `sources.accounts`",
    )
