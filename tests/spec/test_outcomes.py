"""What people did about the accounts on the list, as it comes back in."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from features.contract import CAUSES, OUTCOMES
from pipeline.config import load_config
from pipeline.config.definitions import EVENTS
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import DataError
from pipeline.sources import load_sources, readable_paths
from pipeline.sources.findings import Severity, finding_lines
from pipeline.sources.validation import validate
from pipeline.training.preparation import refuse_stale

HEAD = "account_id,as_of,action,date,result,by,cause\n"
GOOD = """\
A1,2024-03-01,regular_contact,2024-03-04,ordered,R1,contact_left
A2,2024-03-01,price,2024-03-05,,R2,
A3,,visit,2024-03-06 14:30,no need,R1,customer_shrank
"""


@pytest.fixture
def project(tmp_path):
    """A config over orders until 2024-03-20 and a file of outcomes."""

    def written(outcomes: str, options: str = ""):
        orders = "account_id,order_id,occurred_at,amount\n" + "".join(
            f"A1,O{day},2024-03-{day:02},10\n" for day in range(1, 21)
        )
        (tmp_path / "o.csv").write_text(orders)
        (tmp_path / "outcomes.csv").write_text(outcomes)
        (tmp_path / "small.yaml").write_text(
            "name: small\nsnapshots: {first: 2024-02-01, last: 2024-06-01}\n"
            f"sources: {{orders: {{path: o.csv}}, outcomes: {{path: outcomes.csv{options}}}}}\n"
        )
        return load_config(tmp_path / "small.yaml")

    return written


def told(config) -> list[str]:
    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        report = validate(config, engine)
    return finding_lines(found for found in report.findings if found.severity is not Severity.NOTE)


def read(config, known_before: date | None = None) -> list[tuple[object, ...]]:
    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        load_sources(config, engine, known_before)
        kept = "SELECT * EXCLUDE (deleted, superseded_at) FROM outcomes"
        return engine.rows(f"{kept} ORDER BY account_id")


def test_the_documented_file_is_read(project):
    assert told(project(HEAD + GOOD)) == []
    march = datetime(2024, 3, 1)
    one, other, third = datetime(2024, 3, 4), datetime(2024, 3, 5), datetime(2024, 3, 6, 14, 30)
    assert read(project(HEAD + GOOD)) == [
        ("A1", march, "regular_contact", one, "ordered", "R1", "contact_left", one),
        ("A2", march, "price", other, None, "R2", None, other),
        ("A3", None, "visit", third, "no need", "R1", "customer_shrank", third),
    ]


def test_what_is_wrong_is_told_at_once_and_set_aside(project):
    bad = (
        "A4,2024-03-01,price,2024-03-06,,R1,prise\n"
        "A5,2024-03-10,call,2024-03-07,,R1,price\n"
        "A6,2024-03-01,call,,,R1,price\n"
        ",2024-03-01,call,2024-03-07,,R1,price\n"
    )
    config = project(HEAD + GOOD + bad, ", max_quarantined_share: 1")
    assert told(config) == [
        "warning: outcomes.account_id, outcomes.csv: 1 row quarantined: no account_id",
        "    row 8",
        "    -> such rows are set aside; fill the column where it can be known",
        "warning: outcomes.date, outcomes.csv: 1 row quarantined: no date",
        "    row 7",
        "    -> such rows are set aside; fill the column where it can be known",
        "warning: outcomes.cause, outcomes.csv: 1 row quarantined: not one of " + ", ".join(CAUSES),
        "    row 5: 'prise'",
        "    -> such rows are set aside; correct the spelling, or leave it empty where nobody "
        "knows",
        "warning: outcomes.date, outcomes.csv: 1 row quarantined: date before as_of, the list that "
        "it followed",
        "    row 6: '2024-03-07'",
        "    -> such rows are set aside; leave as_of empty where no list was followed",
    ]
    assert [row[0] for row in read(config)] == ["A1", "A2", "A3"]
    with pytest.raises(DataError, match=r"4 of 7 rows \(57.1%\) are quarantined"):
        read(project(HEAD + GOOD + bad))


def test_a_date_that_cannot_be_read_is_refused(project):
    assert "    row 2: '4.3.2024'" in told(project(HEAD + "A1,2024-03-01,call,4.3.2024,,R1,\n"))


def test_what_was_done_later_is_not_known_before(project):
    config = project(HEAD + GOOD)
    assert [row[0] for row in read(config, date(2024, 3, 5))] == ["A1"]
    assert [row[0] for row in read(config, date(2024, 3, 6))] == ["A1", "A2"]


def test_a_list_that_nobody_has_worked_yet_is_no_stale_source(project):
    config = project(HEAD)
    with DuckDBEngine(readable_paths(config), threads=1) as engine:
        sources = load_sources(config, engine)
        refuse_stale(config, sources, date(2024, 3, 22))
    assert sources.tables["outcomes"].rows == 0


def test_no_feature_family_reads_what_we_did_ourselves():
    assert OUTCOMES.name not in EVENTS
