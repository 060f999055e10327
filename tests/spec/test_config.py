"""What a config file may say, and what is said of one that says something else."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, MissingInput

SMALLEST = """
name: demo
sources:
  orders: {path: data/orders.csv}
snapshots: {first: 2024-01-01, last: 2024-06-01}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "demo.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as found:
        load_config(write(folder, text))
    assert found.value.exit_code == 78
    return str(found.value)


def test_the_smallest_config_takes_the_defaults(tmp_path):
    config = load_config(write(tmp_path, SMALLEST))
    assert config.timezone == "UTC"
    assert config.currency is None
    assert config.cohort.days == 180
    assert (config.label.definition, config.label.horizon_days) == ("departure", 90)
    assert config.label.reporting_lag_days == 0
    assert config.features.families == ("order_history", "contact_breadth", "complaint_latency")
    assert config.features.windows_days == (30, 90, 180, 365)
    assert (config.backtest.test_snapshots, config.backtest.last) == (None, 3)
    assert config.backtest.bootstrap_repetitions == 1000
    assert (config.model.trees, config.model.leaves, config.model.seed) == (200, 8, 7)
    assert (config.scoring.max_staleness_days, config.scoring.call_capacity) == (7, 200)
    assert (config.scoring.profit.accept_rate, config.scoring.profit.incentive_share) == (0.3, 0)
    assert config.engine.spill_folder is None
    assert config.tracking.folder == tmp_path.parent / "var" / "mlflow"
    assert config.sources["orders"].max_quarantined_share == 0.05
    assert config.path == tmp_path / "demo.yaml"


def test_all_choices_are_read(tmp_path):
    config = load_config(
        write(
            tmp_path,
            """
name: demo
timezone: Europe/Berlin
currency: EUR
inputs:
  invoices: {path: raw/*.csv, delimiter: ";", encoding: cp1252}
sources:
  orders: {path: market/orders.parquet, columns: {account_id: customer_no}}
  complaints: {sql: complaints.sql, complete_until: 2024-05-01, timezone: UTC}
  touches: {path: touches.csv, datetime_format: "%d/%m/%Y", decimal: ",", dedupe: true}
snapshots: {first: 2024-01-01, last: 2024-06-01, every: week}
cohort: {days: 90}
label: {definition: inactivity, horizon_days: 30, reporting_lag_days: 2}
features: {families: [order_history], windows_days: [7, 30]}
backtest: {test_snapshots: [2024-05-01, 2024-06-01], bootstrap_repetitions: 200}
model: {trees: 10, learning_rate: 0.1}
scoring:
  {max_staleness_days: 3, call_capacity: 20, bands: {red: 0.5, green: 0},
   profit: {contact_cost: 40, incentive_share: 0.1}}
engine: {threads: 1, memory_share: 0.5, spill_folder: spill}
tracking: {folder: mlflow, experiment: e, model_name: m}
output: out
""",
        )
    )
    assert config.inputs["invoices"].path == tmp_path / "raw" / "*.csv"
    assert config.sources["orders"].columns == {"account_id": "customer_no"}
    assert config.sources["complaints"].sql == tmp_path / "complaints.sql"
    assert config.sources["complaints"].complete_until == datetime(2024, 5, 1)
    assert config.sources["touches"].datetime_format == ("%d/%m/%Y",)
    assert config.snapshots.every == "week"
    assert config.backtest.test_snapshots == (date(2024, 5, 1), date(2024, 6, 1))
    assert config.backtest.bootstrap_repetitions == 200
    assert config.scoring.bands == {"red": 0.5, "green": 0.0}
    assert (config.scoring.profit.contact_cost, config.scoring.profit.incentive_share) == (40, 0.1)
    assert config.engine.spill_folder == tmp_path / "spill"
    assert config.output == tmp_path / "out"


def test_every_mistake_is_told_at_once_with_its_place(tmp_path):
    said = refused(
        tmp_path,
        """
name: demo
timezone: Europe/Berln
currency: euro
sorces: {}
sources:
  orders: {path: o.csv, columns: {acount_id: customer_no}}
  order: {path: x.csv}
  complaints: {sql: a.sql, path: b.csv}
  touches: {path: t.csv, decimal: ";", dedup: true, datetime_format: "%q"}
snapshots: {first: 2024-01-01, last: 2024-06-01, evry: month}
label: {horizon_days: ninety}
features: {families: [order_histry], windows_days: [90, 30]}
model: {trees: true, row_share: 1.5}
backtest: {test_snapshots: [2024-05-01], last: 3}
""",
    )
    assert said.splitlines() == [
        f"{tmp_path / 'demo.yaml'}: 16 mistakes",
        "  timezone (line 3): unknown time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?",
        "  currency (line 4): should be three capital letters, such as EUR, not 'euro'",
        "  sorces (line 5): unknown key; did you mean 'sources'?",
        "  sources.orders.columns.acount_id (line 7): unknown column of orders 'acount_id'; "
        "did you mean 'account_id'?",
        "  sources.order (line 8): unknown table 'order'; did you mean 'orders'?",
        "  sources.complaints (line 9): give one of `path`, `sql` and `table`; with Spark also "
        "`catalog_table` or `address`",
        "  sources.touches.decimal (line 10): should be '.' or ',', not ';'",
        "  sources.touches.datetime_format (line 10): '%q' is no format of a time; an example: "
        "'%d/%m/%Y %H:%M'; or one of iso, epoch_s, epoch_ms, epoch_us, excel, excel_1904",
        "  sources.touches.dedup (line 10): unknown key; did you mean 'dedupe'?",
        "  snapshots.evry (line 11): unknown key; did you mean 'every'?",
        "  label.horizon_days (line 12): should be a valid integer, not 'ninety'",
        "  features.families[0] (line 13): unknown feature family 'order_histry'; "
        "did you mean 'order_history'?",
        "  features.windows_days (line 13): should be one or more, in increasing order, each once",
        "  model.trees (line 14): should be a valid integer, not True",
        "  model.row_share (line 14): should be less than or equal to 1, not 1.5",
        "  backtest (line 15): give either `test_snapshots` or `last`",
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("snapshots: {first: 2024-01-01, last: 2023-06-01}", "`first` lies after `last`"),
        ("snapshots: {first: 2024-01-01, last: 2024-06-01, every: day}", "not 'day'"),
        ("snapshots: {first: 2024-01-01}", "snapshots.last (line 4): is missing"),
        ("snapshots: monthly", "snapshots (line 4): should be keys with values"),
    ],
)
def test_snapshots_that_cannot_be_meant(tmp_path, changed, said):
    head = "name: demo\nsources:\n  orders: {path: o.csv}\n"
    assert said in refused(tmp_path, head + changed + "\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("scoring: {bands: {high: 0.5}}", "scoring.bands (line 6): should begin at 0"),
        ("features: {families: []}", "features.families (line 6): should be one or more"),
        ("output: 3", "output (line 6): should be a path"),
        ("output: https://u:secret@host/x", "should be a path of this machine, not an address"),
        ("name: demo", "name (line 2): given twice, in lines 2 and 6"),
        ("currency: !!python/object:os.system x", "line 6: the tag"),
        ("currency: &c EUR\ntimezone: *c", "line 7: write the value out, aliases are refused"),
        ("backtest: {test_snapshots: [2025-01-01]}", "outside snapshots.first to last: 2025-01-01"),
        ("inputs: {orders: {path: x.csv}}", "call it raw_orders"),
        ("inputs: {raw: {path: x.csv, decimal: ','}}", "inputs.raw.decimal (line 6): unknown key"),
        ("label: {definition: 2024-13-40}", "'2024-13-40' cannot be read"),
        ("model: {learning_rate: .nan}", "model.learning_rate (line 6): should be a finite number"),
        ("engine: {spill_folder: '${NOT_SET_ANYWHERE}/x'}", "variable NOT_SET_ANYWHERE is not set"),
        ("tracking: {experiment: ../../etc}", "should be a short name of letters, digits"),
        (
            "engine: {shards: some}",
            "engine.shards (line 6): should be auto or a whole number from 1 to 1000",
        ),
        ("engine: {kind: spark}", "`kind: spark` needs `master`, such as local[*]"),
        ("engine: {master: yarn}", "`master` belongs to Spark; give it with `kind: spark`"),
        ("engine: {kind: spark, master: yarn}", "`master: yarn` needs `work_folder`, a path or"),
        (
            "engine: {kind: spark, master: yarn, work_folder: 's3://key:secret@bucket/x'}",
            "has a user or password in it; let Spark's own configuration hold these",
        ),
        (
            "engine: {kind: spark, master: 'local[*]', settings: {spark.hadoop.fs.s3a.secret.key: "
            "abc}}",
            "holds a secret: write it to conf/spark-defaults.conf",
        ),
        (
            "engine: {kind: spark, master: 'local[*]', settings: {driver.memory: 2g}}",
            "'driver.memory' is no setting of Spark: it begins spark.",
        ),
        (
            "engine: {threads: 100000}",
            "engine.threads (line 6): should be less than or equal to 512",
        ),
        (f"output: {'[' * 3000}", "is not YAML: line 6: nested more than 20 deep"),
        (f"output: {'{a: ' * 3000}", "is not YAML: line 6: nested more than 20 deep"),
        ("currency: 0x" + "f" * 9000, "fffff…' is too large a number"),
        ("currency: " + "9" * 9000, "9999…' cannot be read: Exceeds the limit"),
        (
            r'output: "\ud800"',
            r"output (line 6): half of a character (\ud800 to \udfff) is no text",
        ),
    ],
)
def test_one_line_that_is_refused(tmp_path, line, said):
    told = refused(tmp_path, SMALLEST + line + "\n")
    assert said in told
    assert "secret" not in told.replace("holds a secret", "").replace("secret.key", "")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [", "\tx: 1", "name: \0"])
def test_a_file_that_is_no_form(tmp_path, text):
    assert str(tmp_path / "demo.yaml") in refused(tmp_path, text)


def test_sql_excludes_what_belongs_to_a_file(tmp_path):
    said = refused(
        tmp_path, SMALLEST.replace("{path: data/orders.csv}", "{sql: o.sql, delimiter: ';'}")
    )
    assert "`delimiter` belongs to a file; give it with `path`" in said


def test_a_missing_config_is_a_missing_input(tmp_path):
    with pytest.raises(MissingInput, match="no such config file") as found:
        load_config(tmp_path / "none.yaml")
    assert found.value.exit_code == 66


def test_a_family_of_a_name_that_no_file_can_have(tmp_path):
    text = SMALLEST + f"features: {{own_families: {{mine: {'x' * 300}}}}}\n"
    with pytest.raises(MissingInput, match="no such file"):
        load_config(write(tmp_path, text))


def test_a_config_that_is_not_utf8(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ConfigError, match="byte 9 is not UTF-8"):
        load_config(path)


def test_paths_are_relative_to_the_file_or_through_a_variable_to_the_working_directory(
    tmp_path, monkeypatch
):
    (tmp_path / "configs").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("DATA", "../data/orders.csv")
    text = SMALLEST.replace("data/orders.csv", '"${DATA}"') + "output: ../out\n"
    config = load_config(write(tmp_path / "configs", text))
    assert config.sources["orders"].path == tmp_path / "data" / "orders.csv"
    assert config.output == tmp_path / "out"
    assert config.as_written()["sources"]["orders"]["path"] == "${DATA}"
    assert config.as_written()["output"] == "../out"


def test_the_digest_is_of_the_choices_and_not_of_where_they_lie(tmp_path, monkeypatch):
    text = SMALLEST.replace("data/orders.csv", '"${DATA}"')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("DATA", "one.csv")
    one = load_config(write(tmp_path, text)).digest()
    monkeypatch.setenv("DATA", "two.csv")
    spaced = "# a comment\n" + text + "\ncohort: {days: 180}\n"
    assert load_config(write(tmp_path / "elsewhere", spaced)).digest() == one
    assert load_config(write(tmp_path, text + "cohort: {days: 181}\n")).digest() != one
    assert len(one) == 64


def test_choices_as_flat_parameters(tmp_path):
    flat = load_config(write(tmp_path, SMALLEST)).flat()
    assert flat["label.horizon_days"] == 90
    assert flat["sources.orders.path"] == "data/orders.csv"
    assert "currency" not in flat


def test_each_definition_has_its_horizon(tmp_path):
    def label(written: str) -> tuple[str, int]:
        chosen = load_config(write(tmp_path, SMALLEST + f"label: {written}\n")).label
        return chosen.definition, chosen.horizon_days

    assert label("{}") == ("departure", 90)
    assert label("{definition: own_cadence}") == ("own_cadence", 180)
    assert label("{definition: partial}") == ("partial", 90)
    assert label("{definition: partial, horizon_days: 365}") == ("partial", 365)


def test_inactivity_is_published_over_three_horizons_others_over_their_own(tmp_path):
    def horizons(written: str) -> tuple[int, ...]:
        text = SMALLEST + f"label: {written}\n"
        return load_config(write(tmp_path, text)).label.horizons_days

    assert horizons("{}") == (30, 90, 180)
    assert horizons("{horizons_days: [180]}") == (180,)
    assert horizons("{horizons_days: []}") == ()
    assert horizons("{definition: partial}") == horizons("{definition: own_cadence}") == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{definition: own_cadence, horizon_days: 90}", "is 180 for own_cadence"),
        ("{definition: partial, horizon_days: 366}", "is at most 365 for partial"),
        ("{definition: partial, horizons_days: [30]}", "belongs to departure and inactivity"),
        ("{horizons_days: [30, 60]}", "should be 30, 90 or 180"),
        ("{horizons_days: [90, 30]}", "in increasing order"),
        ("{partial_share: 1.0}", "should be less than 1"),
        ("{horizon_days: 60}", "`horizon_days` is 90 for departure"),
        ("{silence: {shortest: 200}}", "`shortest` is more than `longest`"),
        (
            "{definition: silence}",
            "should be 'departure', 'inactivity', 'own_cadence' or 'partial'",
        ),
    ],
)
def test_a_label_that_cannot_be_is_refused(tmp_path, written, said):
    assert said in refused(tmp_path, SMALLEST + f"label: {written}\n")


def test_a_risk_of_partial_is_about_its_share(tmp_path):
    def meaning(written: str) -> dict:
        return load_config(write(tmp_path, SMALLEST + f"label: {written}\n")).meaning_of_risk()

    assert "label.partial_share" not in meaning("{partial_share: 0.3}")
    assert meaning("{definition: partial, partial_share: 0.3}")["label.partial_share"] == 0.3


def test_fault_44_a_connection_string_in_the_config_is_not_repeated(
    tmp_path: Path,
) -> None:
    text = SMALLEST + "scoring: {postgresql: {url_variable: 'postgresql://me:secret@server/db'}}"
    said = refused(tmp_path, text)
    assert "url_variable" in said and "the name of an environment variable" in said
    assert "secret" not in said
