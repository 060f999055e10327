"""Events for the benchmark: orders, touches, complaints and representatives in canonical form.

36 months; skewed account sizes; 5 % of the order lines and touches known late; 400 order lines, 40
touches and 6 complaints per account.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

ACCOUNTS_PER_LINE = 1 / 400
LINES_PER_ORDER = 8
TOUCHES_PER_LINE = 1 / 10
COMPLAINTS_PER_LINE = 3 / 200
START = "TIMESTAMP '2023-01-01'"
SECONDS = 36 * 30 * 86_400
LAST = date(2025, 12, 1)
MANY = 100_000_000  # lines, from which on there are a further year's snapshots

TABLES = ("orders", "touches", "complaints", "reps")


def snapshots(lines: int) -> list[date]:
    """The months to make features at, the earliest first."""
    periods = 36 if lines >= MANY else 24
    return [stamp.date() for stamp in pd.date_range(end=LAST, periods=periods, freq="MS")]


def make_events(folder: Path, lines: int) -> None:
    """Write the tables as Parquet files, unless they are there; `lines`: order lines."""
    if (folder / "made").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(folder / "events.duckdb"))
    connection.execute("SET threads = 1")  # so that the random numbers are the same every time
    connection.execute("SET memory_limit = '6GB'")
    _generate(connection, lines)
    for table in TABLES:
        path = folder / f"{table}.parquet"
        connection.execute(f"COPY {table} TO '{path}' (FORMAT parquet)")
    connection.close()
    (folder / "events.duckdb").unlink()
    (folder / "made").touch()


def _generate(engine: duckdb.DuckDBPyConnection, lines: int) -> None:
    """Create the tables; the squared uniform makes a few accounts large."""
    accounts = max(10, int(lines * ACCOUNTS_PER_LINE))
    account = f"'A' || CAST(FLOOR(POW(RANDOM(), 2) * {accounts}) AS VARCHAR)"
    moment = f"{START} + TO_SECONDS(CAST(FLOOR(RANDOM() * {SECONDS}) AS BIGINT))"
    late = (
        "CASE WHEN RANDOM() < 0.05 THEN TO_DAYS(CAST(RANDOM() * 20 AS INTEGER)) ELSE TO_DAYS(0) END"
    )
    common = "FALSE AS deleted, CAST(NULL AS TIMESTAMP) AS superseded_at"
    engine.execute("SELECT SETSEED(0.5)")
    engine.execute(
        f"CREATE TABLE orders AS SELECT *, occurred_at + {late} AS known_at, {common} FROM ("
        "SELECT account_id, order_id, occurred_at, "
        "CAST(RANDOM() * 20000 AS BIGINT) - 500 AS amount_cents, "
        "CAST(RANDOM() * 4000 AS BIGINT) AS margin_cents, "
        "'P' || CAST(product AS VARCHAR) AS product_id, 'C' || CAST(product % 12 AS VARCHAR) "
        "AS category, CAST(1 + RANDOM() * 20 AS DECIMAL(18, 6)) AS quantity, "
        "occurred_at + TO_DAYS(7) AS promised_at, "
        "delivered_at "
        "FROM (SELECT *, CAST(POW(RANDOM(), 3) * 2000 AS INTEGER) AS product "
        f"FROM (SELECT {account} AS account_id, 'O' || CAST(i AS VARCHAR) AS order_id, "
        "*, occurred_at + TO_HOURS(CAST(RANDOM() * 240 AS INTEGER)) AS delivered_at "
        f"FROM (SELECT i, {moment} AS occurred_at FROM range({lines // LINES_PER_ORDER}) AS r(i))) "
        f"CROSS JOIN range({LINES_PER_ORDER})))"
    )
    engine.execute(
        f"CREATE TABLE touches AS SELECT *, occurred_at + {late} AS known_at, {common} FROM ("
        f"SELECT {account} AS account_id, 'c' || CAST(CAST(RANDOM() * 4 AS INTEGER) AS VARCHAR) "
        "AS contact_id, 'r' || CAST(CAST(RANDOM() * 3 AS INTEGER) AS VARCHAR) AS rep_id, "
        f"{moment} AS occurred_at, 'role' AS role, 'department' AS department, "
        "CASE WHEN RANDOM() < 0.2 THEN 'manager' ELSE 'specialist' END AS seniority, "
        "CASE WHEN RANDOM() < 0.4 THEN 'account' ELSE 'supplier' END AS initiated_by "
        f"FROM range({int(lines * TOUCHES_PER_LINE)}))"
    )
    stages = ", ".join(
        f"CASE WHEN RANDOM() < {share} THEN opened_at "
        f"+ TO_HOURS(CAST(RANDOM() * {hours} AS INTEGER)) END AS {stage}"
        for stage, share, hours in (
            ("first_response_at", 0.9, 240),
            ("resolved_at", 0.8, 960),
            ("due_at", 0.7, 480),
        )
    )
    engine.execute(
        "CREATE TABLE complaints AS SELECT *, first_response_at AS first_response_known_at, "
        "resolved_at AS resolved_known_at, CAST(NULL AS TIMESTAMP) AS reopened_at, "
        "CAST(NULL AS TIMESTAMP) AS reopened_known_at, TRUE AS first_response_recorded, "
        f"TRUE AS resolved_recorded, TRUE AS reopened_recorded, opened_at AS known_at, {common} "
        f"FROM (SELECT *, {stages} FROM (SELECT {account} AS account_id, "
        f"'K' || CAST(i AS VARCHAR) AS complaint_id, {moment} AS opened_at, "
        "'cat' || CAST(CAST(RANDOM() * 5 AS INTEGER) AS VARCHAR) AS category, "
        "CASE CAST(RANDOM() * 4 AS INTEGER) WHEN 0 THEN 'high' WHEN 1 THEN 'medium' ELSE 'low' END "
        "AS severity "
        f"FROM range({int(lines * COMPLAINTS_PER_LINE)}) AS r(i)))"
    )
    engine.execute(
        "CREATE TABLE reps AS SELECT 'r' || CAST(i AS VARCHAR) AS rep_id, "
        f"{START} + TO_DAYS(CAST(400 + i * 200 AS INTEGER)) AS left_on, "
        f"{START} AS known_at, {common} FROM range(4) AS r(i)"
    )
