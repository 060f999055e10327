"""A family of one's own: what its file may say, and what is said of another."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from families_under_test import EXAMPLE

from features.contract import TABLES
from features.definition import Selection, select
from pipeline.config import Config, load_config
from pipeline.endings import guarded
from pipeline.errors import ConfigError, MissingInput, UsageError

CONFIG = """
name: demo
sources:
  orders: {path: data/orders.csv}
snapshots: {first: 2024-01-01, last: 2024-06-01}
"""
OWN = "features: {own_families: {mine: families/mine.py}}\n"
FILE = """
from features.definition import Definition, Family
from features.expressions import ratio
from features.populations import Arrivals, Facts, Population, Successions
from features.values import Count, Distinct, Expression, Median, Standing, Total

visits = Population("visits", "touches", where="channel = 'visit'")


def family(*definitions, name="mine", table="touches"):
    return Family(name, "Visits.", table, tuple(definitions))


def one(value, stem="visits_number"):
    return Definition(stem, "Visits.", "visits", "never null", value)


FAMILY = family(one(lambda within: Count(visits, within)))
"""


def project(folder: Path, text: str = FILE, features: str = OWN) -> Path:
    (folder / "families").mkdir(exist_ok=True)
    (folder / "families" / "mine.py").write_text(text, encoding="utf-8")
    path = folder / "demo.yaml"
    path.write_text(CONFIG + features, encoding="utf-8")
    return path


def ending(family: str) -> str:
    """The file, with another FAMILY at its end."""
    return FILE.partition("FAMILY =")[0] + family + "\n"


def names(config: Config) -> list[str]:
    return [feature.name for family in config.feature_families for feature in family.features()]


def refused(folder: Path, text: str = FILE, features: str = OWN) -> str:
    with pytest.raises(ConfigError) as found:
        load_config(project(folder, text, features))
    assert found.value.exit_code == 78
    return str(found.value)


def test_a_registered_family_is_looked_at_beside_ours(tmp_path):
    config = load_config(project(tmp_path))
    ours = ("order_history", "contact_breadth", "complaint_latency")
    assert config.features.families == (*ours, "mine")
    assert [family.name for family in config.feature_families] == [*ours, "mine"]
    assert names(config)[-4:] == [f"visits_number_{days}d" for days in (30, 90, 180, 365)]
    assert config.as_written()["features"]["own_families"] == {"mine": "families/mine.py"}
    assert [file.name for file in (tmp_path / "families").iterdir()] == ["mine.py"]


def test_a_family_that_is_not_looked_at_is_not_run(tmp_path):
    features = "features: {families: [order_history], own_families: {mine: families/mine.py}}\n"
    config = load_config(project(tmp_path, "raise SystemExit", features))
    assert [family.name for family in config.feature_families] == ["order_history"]


def test_the_documented_example_loads(tmp_path):
    shutil.copy(EXAMPLE, tmp_path)
    own = "features: {own_families: {order_timing: order_timing.py}, windows_days: [7, 400]}\n"
    config = load_config(project(tmp_path, features=own))
    assert "early_orders_share_7d" in selected(config).definitions()


def test_the_file_is_read_anew_each_time(tmp_path):
    load_config(project(tmp_path))
    again = load_config(project(tmp_path, FILE.replace("visits_number", "visits_numbed")))
    assert names(again)[-1] == "visits_numbed_365d"


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (
            "{own_families: {order_history: mine.py}}",
            "features.own_families.order_history (line 6): 'order_history' is a family of ours",
        ),
        ("{own_families: {My.Own: mine.py}}", "should be a short name of small letters"),
        ("{own_families: [mine.py]}", "features.own_families (line 6): should be keys with values"),
        (
            "{families: [order_history, mnie], own_families: {mine: families/mine.py}}",
            "features.families[1] (line 6): unknown feature family 'mnie'; did you mean 'mine'?",
        ),
        (
            "{families: [order_histry], own_families: {mine: families/mine.py}}",
            "did you mean 'order_history'?",
        ),
        ("{resolution_days: 0}", "should be greater than or equal to 1, not 0"),
    ],
)
def test_a_registration_that_is_refused(tmp_path, features, said):
    told = refused(tmp_path, features=f"features: {features}\n")
    assert said in told
    assert "1 mistake\n" in told


def test_a_missing_file_is_a_missing_input(tmp_path):
    path = project(tmp_path, features="features: {own_families: {mine: famlies/mine.py}}\n")
    with pytest.raises(MissingInput, match=r"own_families\.mine \(line 6\).*no such file") as found:
        load_config(path)
    assert found.value.exit_code == 66


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere_to_be_found", "mine.py, line 1: does not load: ModuleNotFoundError: No"),
        ("a = 1\nb = = 2", "mine.py, line 2: does not load: SyntaxError: invalid syntax"),
        ("\n\n1 / 0", "mine.py, line 3: does not load: ZeroDivisionError"),
        ("raise SystemExit", "mine.py, line 1: does not load: SystemExit"),
        ("family = 1", "mine.py: defines no FAMILY; define FAMILY = Family(name='mine', ...)"),
        ("FAMILY = 'mine'", "mine.py: FAMILY is a str"),
        (
            ending("FAMILY = family(one(Count(visits)), name='yours')"),
            "FAMILY is named 'yours', but registered as 'mine'; give both the same name",
        ),
        (ending("FAMILY = family(table='touch')"), "unknown table 'touch'; did you mean 'touches'"),
        (ending("FAMILY = family()"), "`definitions` should be a tuple"),
    ],
)
def test_a_file_that_is_no_family(tmp_path, text, said):
    told = refused(tmp_path, text)
    assert "features.own_families.mine (line 6): " in told
    assert said in told


@pytest.mark.parametrize(
    ("definitions", "said"),
    [
        ("Count(visits)", "is no Definition"),
        ("one(3)", "TypeError: 'int' object is not callable"),
        ("one(lambda within: within)", "its value is no Value but 30"),
        ("one(lambda within: 1 / 0)", "ZeroDivisionError: division by zero"),
        ("one(Count(visits), 'Visits')", "'Visits' is no name of a feature"),
        ("one(Count(visits), 'defected')", "is a column of the training table already"),
        (
            "one(lambda within: Count(visits, within), 'touches_count')",
            "'touches_count_30d' is a column of contact_breadth already; give another stem",
        ),
        ("one(Count(visits)), one(Count(visits))", "is a column of mine already"),
        (
            "one(Count(Population('v', 'touches', where='channel = = 1')))",
            "its SQL does not parse: 'channel = = 1'",
        ),
        (
            "one(Count(Population('v', 'touches', where='chanel = 1')))",
            "unknown column of touches 'chanel'; did you mean 'channel'?",
        ),
        (
            "one(Total(Population('v', 'orders'), measure='amount'))",
            "unknown column of orders 'amount'; did you mean 'amount_cents'?",
        ),
        ("one(Count(Population('v', 'visits')))", "unknown table 'visits'"),
        (
            "one(Count(Population('v', 'outcomes', 'known_at', ('known_at',))))",
            "it reads outcomes, which tell what we did; a feature tells of the account",
        ),
        (
            "one(Total(visits, measure='SQARE(1)'))",
            "CatalogException: Catalog Error: Scalar Function with name sqare does not exist!",
        ),
        ("one(Expression('{0} / {1}', (Count(visits),)))", "IndexError: Replacement index 1"),
        ("one(Expression('{0} {0}', (Count(visits),)))", "ParserException: Parser Error"),
        ("one(Median(Successions('orders', visits)))", "rows cannot be named 'orders'"),
        ("one(Median(Successions('touch_gaps', visits)))", "other rows are named 'touch_gaps'"),
        (
            "one(Total(Successions('steps', visits), measure='dasy'))",
            'BinderException: Binder Error: Referenced column "dasy" not found',
        ),
    ],
)
def test_a_definition_that_is_refused(tmp_path, definitions, said):
    told = refused(tmp_path, ending(f"FAMILY = family({definitions})"))
    assert "mine.py: 1 mistake\n    definition " in told
    assert said in told


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path):
    wrong = "one(Count(Population('v', 'touches', where='{}')), '{}')"
    told = refused(
        tmp_path,
        ending(f"FAMILY = family({wrong.format('a = 1', 'one')}, {wrong.format('(', 'two')})"),
    )
    assert "mine.py: 2 mistakes\n    definition 'one': unknown column" in told
    assert "\n    definition 'two': its SQL does not parse" in told


def selected(config: Config) -> Selection:
    everything = {name: frozenset(table.stored()) for name, table in TABLES.items()}
    return select(config.feature_families, config.features.windows_days, everything)


def test_what_identifies_the_features_covers_the_file_and_the_days_to_resolve(tmp_path):
    first = selected(load_config(project(tmp_path)))
    text = FILE.replace("'visit'", "'call'")
    other_visits = selected(load_config(project(tmp_path, text)))
    other_days = selected(
        load_config(project(tmp_path, features=OWN[:-2] + ", resolution_days: 7}"))
    )
    assert len({first.digest(), other_visits.digest(), other_days.digest()}) == 3
    for other, changed in (
        (other_visits, "visits_number_"),
        (other_days, "resolved_slowly_share_"),
    ):
        was, now = first.definitions(), other.definitions()
        assert {name for name in was if now[name] != was[name]} == {
            f"{changed}{days}d" for days in (30, 90, 180, 365)
        }


def test_some_of_the_families(tmp_path):
    features = OWN.replace("own_", "families: [order_history, mine], own_")
    config = load_config(project(tmp_path, features=features))
    assert [family.name for family in config.only(["mine"]).feature_families] == ["mine"]
    assert config.only([]).feature_families == config.feature_families
    for name, said in (
        ("mien", "--only: unknown feature family 'mien'; did you mean 'mine'?"),
        ("contact_breadth", "demo.yaml leaves this family out. Add it to `features.families`"),
    ):
        with pytest.raises(UsageError) as found:
            config.only(["mine", name])
        assert said in str(found.value)


AT_LOAD = """{}
FAMILY = family(one(lambda within: Count(visits, within)))"""
IN_A_VALUE = """
def value(within):
    {}
    return Count(visits, within)


FAMILY = family(one(value))"""
LATER = """
calls = []


def value(within):
    calls.append(within)
    if len(calls) > 4:
        raise SystemExit(0)
    return Count(visits, within)


FAMILY = family(one(value))"""


def line_of(folder: Path, text: str) -> int:
    lines = (folder / "families" / "mine.py").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize("place", [AT_LOAD, IN_A_VALUE])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise type('Mine', (BaseException,), {})('gone')", "Mine: gone"),
        ("import os; os.environ.clear()", "would be lost or changed"),
        ("import os; os.environ['HOME'] = '/elsewhere'", "variable HOME would be lost or changed"),
        ("import os; os.environ.pop('HOME')", "variable HOME would be lost or changed"),
        ("import signal; signal.signal(15, signal.SIG_IGN)", "changes what SIGTERM does"),
    ],
)
def test_fault_82_a_file_that_does_more_than_define_is_refused(
    tmp_path, monkeypatch, place: str, line: str, said: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environment, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    message = refused(tmp_path, ending(place.replace("{}", line, 1)))
    assert said in message
    assert f"{tmp_path}/families/mine.py" in message
    assert f"line {line_of(tmp_path, line)}" in message
    assert "features.own_families.mine" in message
    assert dict(os.environ) == environment
    assert signal.getsignal(signal.SIGTERM) is handler


def test_fault_82_a_file_may_import_what_adds_to_the_environment(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ADDED_BY_A_LIBRARY", "")
    monkeypatch.delenv("ADDED_BY_A_LIBRARY")
    added = "import os; os.environ.setdefault('ADDED_BY_A_LIBRARY', '1')"
    load_config(project(tmp_path, ending(AT_LOAD.replace("{}", added))))
    assert os.environ["ADDED_BY_A_LIBRARY"] == "1"


def test_fault_82_code_that_ends_the_program_later_is_named_too(tmp_path, capsys) -> None:
    config = load_config(project(tmp_path, ending(LATER)))
    assert guarded(lambda: names(config)) == 78
    place = f"mine.py, line {line_of(tmp_path, 'raise SystemExit')}: SystemExit: 0"
    assert place in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("Count(Population('visits', 'touches', where='occurred_at > now()'))", "now()"),
        ("Count(Population('visits', 'touches', where='random() < 0.5'))", "random()"),
        ("Expression('{0} * random()', (Count(visits),))", "random()"),
        ("Expression('{0} - epoch(current_date)', (Count(visits),))", "current_date"),
        ("Distinct(visits, key='uuid()')", "uuid()"),
        ("Total(visits, measure='CAST(epoch(age(occurred_at)) AS BIGINT)')", "age()"),
        ("Median(Successions('gaps', visits, by=\"random()::VARCHAR\"))", "random()"),
        (
            "Standing(visits, of=Total(Population('some', 'orders', where='random() < 0.5'), "
            "measure='amount_cents'), shares=(0.5,))",
            "random()",
        ),
    ],
)
def test_fault_66_a_value_that_changes_from_run_to_run_is_refused(tmp_path, value, named) -> None:
    said = refused(tmp_path, ending(f"FAMILY = family(one({value}))"))
    assert f"its answer would change from run to run: {named}; use {{as_of}}" in said


def test_facts_are_of_no_single_account(tmp_path) -> None:
    """Each shard has the rows of its own accounts alone."""
    rows = "Population('bought', 'orders', facts=Facts('complaints', 'product_id'))"
    said = refused(tmp_path, ending(f"FAMILY = family(one(Count({rows})))"))
    assert "rows are met with facts of complaints, which are of single accounts" in said
