"""The configuration: the choices a data scientist makes, read from one YAML file.

Every default lives here. Paths are relative to the config file; a path that begins with an
environment variable, `${NAME}`, is relative to the working directory, because whoever sets the
variable stands there. Loading collects every mistake of the file before it speaks.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from joblib import cpu_count
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from features.complaint_latency import RESOLUTION_DAYS
from features.contract import ORDER_KINDS, TABLES
from features.definition import DEFAULT_WINDOWS, Family
from features.expressions import DAYS_PER_YEAR
from features.families import FAMILIES, families
from pipeline.config.form_file import Mistake, read_file, told
from pipeline.config.kinds import (
    Address,
    CatalogTable,
    Count,
    Currency,
    DatabaseTable,
    Day,
    Days,
    Delimiter,
    Encoding,
    Families,
    HeaderRows,
    Horizons,
    Name,
    Names,
    NotNegative,
    Offset,
    OrderKind,
    OwnName,
    Part,
    Pattern,
    Place,
    PlaceOrAddress,
    Shards,
    Share,
    ShareOrNone,
    SparkSettings,
    StorePlace,
    TableName,
    Texts,
    Threads,
    TimeFormats,
    Variable,
    WallTime,
    Whole,
    Windows,
    Zone,
)
from pipeline.config.mistakes import config_mistakes
from pipeline.config.own_families import load_family
from pipeline.config.strict_yaml import Form
from pipeline.errors import ConfigError, MissingInput, UsageError
from pipeline.special_files import is_utf8
from pipeline.wording import listed, shortened, unknown

OWN_CADENCE_DAYS = 180  # the longest that an account is watched by the label own_cadence
DEPARTURE_DAYS = 90  # from the snapshot, in which a departure falls due
_WITH_HORIZONS = ("departure", "inactivity")


class Section(BaseModel):
    """A part of the form: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _defaults() -> Any:
    """A section that may be left out: all of its own defaults."""
    return Field({}, validate_default=True)


class FileOptions(Section):
    """How to read one file, all files of a folder, or all files that a pattern finds."""

    path: Place | None = Field(None, description="a file, a folder, or a pattern with * and ?")
    format: Literal["csv", "parquet", "xlsx"] | None = Field(
        None, description="from the suffix if absent"
    )
    delimiter: Delimiter | None = Field(None, description="between CSV columns; `,` if absent")
    encoding: Encoding | None = Field(None, description="of CSV text; utf-8 if absent")
    sheet: str | None = Field(None, description="of a workbook; the only one if absent")
    member: str | None = Field(None, description="file in a zip archive; the only one if absent")
    header_row: HeaderRows = Field(
        (1,), description="the row that holds the names, the first is 1; or several, such as [3, 4]"
    )
    skip_rows: Texts = Field(
        (), description="leave out rows whose first filled cell begins with one of these texts"
    )
    footer_rows: Whole = Field(0, description="rows left out at the end, such as totals")


class InputConfig(FileOptions):
    """A raw file that `.sql` mappings read by the input's name; CSV columns arrive as text."""

    path: Place = Field(description="a file, a folder, or a pattern with * and ?")


class SourceConfig(FileOptions):
    """One canonical table: files, a query over the inputs, or what PostgreSQL or Spark has."""

    sql: Place | None = Field(
        None, description="a file with one SELECT, over the inputs or of the server"
    )
    url_variable: Variable | None = Field(
        None,
        description="of the environment; holds the connection string of the PostgreSQL server to "
        "read from",
    )
    table: DatabaseTable | None = Field(None, description="of the server: a name, or schema.table")
    catalog_table: CatalogTable | None = Field(
        None, description="of Spark's catalog, with `engine.kind: spark`"
    )
    address: Address | None = Field(
        None, description="of Parquet or CSV files that Spark reads, such as s3a://bucket/orders"
    )
    columns: dict[str, str | None] = Field(
        {}, description="canonical name: name in the source, or null to leave the column out"
    )
    thousands: Literal[".", ",", " ", "'"] | None = Field(
        None, description="the sign between thousands of numbers in text; a blank is any blank"
    )
    decimal: Literal[".", ","] = Field(
        default_factory=lambda beside: "," if beside.get("thousands") == "." else ".",
        description="the decimal sign of numbers in text; a comma if `thousands` is a point, "
        "else a point",
    )
    units: Texts = Field((), description="texts beside numbers that are left out, such as $ or EUR")
    nulls: Texts = Field((), description="texts that stand for no value, such as NULL or N/A")
    datetime_format: TimeFormats = Field(
        (),
        description="formats of times, tried in turn, or those of each column by its canonical "
        "name: strptime, iso, epoch_s, epoch_ms, epoch_us, excel or excel_1904; ISO 8601 if absent",
    )
    zones: dict[str, Offset] = Field(
        {}, description='offsets of the names of zones behind times, such as CET: "+01:00"'
    )
    timezone: Zone | None = Field(None, description="of naive times; the config's if absent")
    complete_until: WallTime | None = Field(
        None, description="the source is complete until then; its latest known_at if absent"
    )
    dedupe: bool = Field(False, description="drop lines without a key that repeat another exactly")
    max_quarantined_share: ShareOrNone = Field(
        0.05, description="of rows; more that are set aside, or hold unknown words, are refused"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = (self.path, self.sql, self.table, self.catalog_table, self.address)
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError(
                "give one of `path`, `sql` and `table`; with Spark also `catalog_table` or "
                "`address`"
            )
        if self.from_spark and self.url_variable is not None:
            raise ValueError(
                "`url_variable` names a PostgreSQL server; give `table` or `sql` to it"
            )
        if self.address is not None and self.address_format is None:
            raise ValueError("`address` should end in .parquet or .csv, or have `format` beside it")
        if self.table is not None and self.url_variable is None:
            raise ValueError("`table` needs `url_variable`, which names the server")
        if self.path is not None and self.url_variable is not None:
            raise ValueError("`path` is a file's; with `url_variable` give `table` or `sql`")
        if self.path is None:
            for key in FileOptions.model_fields:
                given = getattr(self, key) != FileOptions.model_fields[key].default
                if given and not (key == "format" and self.address is not None):
                    raise ValueError(f"`{key}` belongs to a file; give it with `path`")
        if self.sql is not None and self.columns:
            raise ValueError("`columns` is for files and tables; with `sql` the query decides")
        if self.thousands == self.decimal:
            other = "," if self.decimal == "." else "."
            raise ValueError(f'`thousands` and `decimal` are the same; is it `decimal: "{other}"`?')
        return self

    @property
    def from_spark(self) -> bool:
        """Whether Spark reads it."""
        return self.catalog_table is not None or self.address is not None

    @property
    def address_format(self) -> Literal["parquet", "csv"] | None:
        """The format of the files at `address`; None where nothing says."""
        written = self.format or str(self.address).rstrip("/").rpartition(".")[2]
        known: tuple[Literal["parquet"], Literal["csv"]] = ("parquet", "csv")
        return next((each for each in known if each == written), None)


class OrderConfig(Section):
    """What the lines of the orders count as, by their `order_kind`; see docs/orders.md."""

    kinds: dict[str, OrderKind] = Field(
        {}, description=f"a word of the source: which of {listed(ORDER_KINDS)} it is"
    )
    call_offs_at: Literal["occurred_at", "promised_at"] = Field(
        "occurred_at", description="the day on which a call-off counts as an order"
    )
    invoices: Literal["without_order", "never"] = Field(
        "without_order",
        description="those that count as orders: whose order_id no order has, or none",
    )

    @field_validator("kinds")
    @classmethod
    def _words_differ(cls, kinds: dict[str, str]) -> dict[str, str]:
        if len({word.lower().strip() for word in kinds}) < len(kinds):
            raise ValueError("two words differ only in capitals or blanks")
        return kinds

    @property
    def kinds_by_word(self) -> dict[str, str]:
        """The kind of each word of the source, in small letters."""
        return {word.lower().strip(): kind for word, kind in self.kinds.items()}


class RatesConfig(Section):
    """Rates that turn amounts of other currencies into `currency`, each from its day on."""

    path: Place = Field(description="a CSV file, a row per day or month and currency")
    columns: dict[Literal["day", "currency", "rate"], str] = Field(
        {}, description="ours: the file's; rate is what one of `currency` costs in the other"
    )


class AccountChoice(Section):
    """Accounts that fit any of these patterns, in which * and ? stand for other signs."""

    account_id: tuple[Pattern, ...] = Field((), description="of the id")
    name: tuple[Pattern, ...] = Field((), description="of the name, in the latest version known")
    segment: tuple[Pattern, ...] = Field((), description="of the segment, in the same")

    @property
    def patterns(self) -> dict[str, tuple[str, ...]]:
        """The patterns that are given, by the column that they are of."""
        return {column: patterns for column, patterns in self if patterns}


class AccountConfig(Section):
    """Accounts that are not customers like the others; see docs/orders.md."""

    exclude: AccountChoice = Field(
        {},
        validate_default=True,
        description="internal, cash and test accounts; left out of everything",
    )
    one_off: AccountChoice = Field(
        {},
        validate_default=True,
        description="customers of single projects; scored, but on no list",
    )


class SnapshotConfig(Section):
    """The days as of which the training table is computed."""

    first: Day = Field(description="the first snapshot")
    last: Day = Field(description="no snapshot lies after it")
    every: Literal["month", "week"] = Field("month", description="the step between them")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError("`first` lies after `last`")
        return self


class CohortConfig(Section):
    """Who is scored; for departure, all who still order and who departed lately."""

    days: Count = Field(180, description="an order within so many days before the snapshot")


class SilenceConfig(Section):
    """How long to wait for an overdue order; for departure."""

    gaps: int = Field(4, strict=True, ge=1, description="expected gaps that are waited for")
    shortest: Count = Field(60, description="days that are waited for in any case")
    longest: Count = Field(180, description="days that those gaps amount to at most")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.shortest > self.longest:
            raise ValueError("`shortest` is more than `longest`")
        return self


class LabelConfig(Section):
    """What counts as defection."""

    definition: Literal["departure", "inactivity", "own_cadence", "partial"] = Field(
        "departure",
        description="an order after which none follows in time, no order in the horizon, none in "
        "three usual gaps, or fallen net sales; the champion's if absent",
    )
    silence: SilenceConfig = _defaults()
    horizon_days: Count = Field(
        default_factory=lambda beside: (
            OWN_CADENCE_DAYS if beside["definition"] == "own_cadence" else 90
        ),
        description="days from the snapshot in which it is observed; 180 for own_cadence, else 90",
    )
    reporting_lag_days: Whole = Field(
        0, description="days until the late rows of a day have come in"
    )
    horizons_days: Horizons = Field(
        default_factory=lambda beside: (
            (30, 90, 180) if beside["definition"] in _WITH_HORIZONS else ()
        ),
        description="those whose risks of inactivity are published beside, of 30, 90 and 180; for "
        "departure and inactivity",
    )
    partial_share: Part = Field(
        0.5, description="of the expected net sales; who loses more has defected, for partial"
    )

    @model_validator(mode="after")
    def _fits_the_definition(self) -> Self:
        if self.definition == "own_cadence" and self.horizon_days != OWN_CADENCE_DAYS:
            raise ValueError(
                f"`horizon_days` is {OWN_CADENCE_DAYS} for own_cadence, the longest that it "
                "watches an account; leave it out"
            )
        if self.definition == "departure" and self.horizon_days != DEPARTURE_DAYS:
            raise ValueError(
                f"`horizon_days` is {DEPARTURE_DAYS} for departure, in which it falls due; leave "
                "it out, or write `definition: inactivity`"
            )
        if self.definition not in _WITH_HORIZONS and self.horizons_days:
            raise ValueError(
                "`horizons_days` belongs to departure and inactivity; "
                f"{self.definition} has its own horizon only"
            )
        if self.definition == "partial" and self.horizon_days > DAYS_PER_YEAR:
            raise ValueError(
                f"`horizon_days` is at most {DAYS_PER_YEAR} for partial: the days a year before "
                "must be over at the snapshot"
            )
        return self


class WinBackConfig(Section):
    """Which departed accounts are still worth a call; for departure."""

    days: Count = Field(120, description="since the end of patience, at most")


class FeatureConfig(Section):
    """What is computed of an account."""

    own_families: dict[OwnName, Place] = Field(
        {}, description="name: a file of Python that defines it, run with the user's rights"
    )
    families: Families = Field(
        default_factory=lambda beside: (*FAMILIES, *beside["own_families"]),
        description="what is looked at, all if absent; left out where the table is absent",
    )
    windows_days: Windows = Field(DEFAULT_WINDOWS, description="lengths of the windows, in days")
    resolution_days: Count = Field(
        RESOLUTION_DAYS, description="days within which a complaint should be resolved"
    )


class BacktestConfig(Section):
    """The snapshots on which a model that could have existed then is tested."""

    test_snapshots: Days | None = Field(None, description="these snapshots")
    last: Count | None = Field(None, description="the last so many with a complete label")
    treated: Literal["keep", "leave_out", "leave_out_everywhere"] = Field(
        "leave_out",
        description="accounts acted on within the horizon: measured; left out of what is measured; "
        "learned from no more either",
    )

    bootstrap_repetitions: Count = Field(
        1000, description="draws of accounts behind each interval; fewer are faster and rougher"
    )

    @model_validator(mode="before")
    @classmethod
    def _default(cls, written: Any) -> Any:
        if not isinstance(written, dict) or {"test_snapshots", "last"} & written.keys():
            return written
        return {"last": 3, **written}

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if (self.test_snapshots is None) == (self.last is None):
            raise ValueError("give either `test_snapshots` or `last`")
        return self


class ModelConfig(Section):
    """The learner; see `models.settings.ModelSettings`."""

    trees: Count = Field(200, description="boosting rounds")
    leaves: int = Field(8, strict=True, ge=2, description="leaves of a tree")
    learning_rate: Share = Field(0.03, description="shrinkage of each tree")
    min_leaf_rows: Count = Field(500, description="training rows that a leaf needs")
    l2: NotNegative = Field(50.0, description="penalty on the squared values of the leaves")
    feature_share: Share = Field(0.3, description="share of the features seen by each tree")
    row_share: Share = Field(0.5, description="share of the rows seen by each tree")
    seed: int = Field(7, strict=True, ge=0, lt=2**31, description="of all random choices")
    threads: Threads | None = Field(
        None, description="of a fit, of ranks and of prediction; all cores if absent"
    )
    minimum_snapshots: Count = Field(2, description="training snapshots below which none is fitted")
    most_rows: int = Field(
        150_000,
        strict=True,
        ge=40_000,
        description="that are learned from; of more, a sample that keeps the large accounts",
    )

    @property
    def all_threads(self) -> int:
        """Threads to work with."""
        return self.threads or cpu_count()


class ProfitConfig(Section):
    """What calling an account costs and brings; see `models.profit.CallTerms`."""

    accept_rate: ShareOrNone = Field(0.3, description="of the defectors called, those who stay")
    stayer_accept_rate: ShareOrNone = Field(
        1.0, description="of the stayers called, those who take the incentive"
    )
    incentive_share: ShareOrNone = Field(
        0.0, description="of an account's value, offered with each call; 0 for a call alone"
    )
    contact_cost: NotNegative = Field(15.0, description="of one call, in the currency")
    value_days: Count = Field(365, description="days of an account's value that staying is worth")


class KeyAccountConfig(Section):
    """What makes a key account; see `pipeline.scoring.key_accounts`."""

    named: Names = Field(
        (), description="account ids; key accounts in any case, before the criteria are asked"
    )
    profit_share: Share = Field(
        0.5, description="of all profit; the accounts that together bring the first so much"
    )
    tenure_days: Whole = Field(365, description="since the first order, at least")
    active_quarters: int = Field(
        3, strict=True, ge=0, le=4, description="of the last four, with an order, at least"
    )
    growth: float = Field(
        -0.2, strict=True, ge=-1, description="of the profit on the year before, at least"
    )
    bulk_order_share: Share = Field(
        0.5, description="of the year's revenue; a single order of more is a one-off"
    )
    least_margin: ShareOrNone = Field(
        0.5, description="of the usual margin on revenue; less is volume without profit"
    )
    margin_loss: ShareOrNone = Field(
        0.3, description="of its margin a year before; whoever lost more got concessions"
    )


class EffortConfig(Section):
    """What an account that may defect is worth doing, in words."""

    A: str = Field("maximum", description="for best tier A")
    B: str = Field("high", description="for best tier B")
    C: str = Field("low", description="for best tier C")
    without_profit: str = Field(
        "none", description="where the whole value at stake is less than a call costs"
    )


MONTH = "month"  # by which capacity is counted, instead of by list
DELAY = "delay"  # the call of an account of tier A, instead of holding it out


class HoldOutConfig(Section):
    """Accounts that are left off the list at random, so that what calling does can be measured."""

    share: ShareOrNone = Field(0.0, description="of the accounts that would be listed; 0 is off")
    key_accounts: bool = Field(False, strict=True, description="hold out key accounts, too")
    tier_a: Annotated[bool, Field(strict=True)] | Literal["delay"] = Field(
        False,
        description="hold out accounts of tier A, too; delay: call them from the next list on",
    )


class PostgresqlConfig(Section):
    """A table of a PostgreSQL server that the scores are written to beside the files."""

    url_variable: Variable = Field(
        "DEFECTION_SCORES_URL", description="of the environment; holds the connection string"
    )
    table: DatabaseTable = Field(
        "defection_scores", description="its name, or schema.table; made if absent"
    )


class ScoringConfig(Section):
    """When scores may be published, and how they are read."""

    max_staleness_days: Whole = Field(
        7, description="days from the end of a source to as_of; more is refused"
    )
    every: Literal["day", "week", "month"] = Field(
        "week", description="how often a list is made; `status` says when the next one is due"
    )
    grace_days: Whole = Field(
        1, description="for which a list that is due may be missing before `status` calls it late"
    )
    least_known: ShareOrNone = Field(
        0.2,
        description="of the accounts that knew a feature at the leanest training snapshot; a "
        "feature that fewer know is refused",
    )
    call_capacity: Count = Field(
        200, description="accounts that can be called per list, or per month; by all together"
    )
    capacity_per: Literal["list", "month"] = Field(
        "list", description="calendar month, for nightly lists, which name each account once then"
    )
    capacity_per_owner: Count | None = Field(
        None,
        description="of one owner's accounts; the owners' even part of call_capacity if absent",
    )
    cooldown_days: Whole = Field(
        30,
        description="for which an account rests after an action, unless its risk rises by a band",
    )
    hold_out: HoldOutConfig = _defaults()
    least_change: ShareOrNone = Field(
        0.05, description="of a risk since the publication before; less is the same"
    )
    explain_change: bool = Field(
        True,
        strict=True,
        description="what of it the model, the time and the data did; builds the features twice",
    )
    bands: dict[Name, ShareOrNone] = Field(
        {"high": 0.25, "medium": 0.1, "low": 0.0}, description="lowest risk of each"
    )
    key_accounts: KeyAccountConfig = _defaults()
    effort: EffortConfig = _defaults()
    profit: ProfitConfig = _defaults()
    playbook: Place | None = Field(
        None, description="what to do about each reason; configs/playbook.yaml if absent"
    )
    postgresql: PostgresqlConfig | None = Field(
        None, description="where scores are written to beside the files; nowhere if absent"
    )

    @field_validator("bands")
    @classmethod
    def _cover_all_risks(cls, bands: dict[str, float]) -> dict[str, float]:
        if min(bands.values(), default=1) != 0 or max(bands.values()) >= 1:
            raise ValueError("should begin at 0 and stay below 1, so that every risk has a band")
        return bands


class GateConfig(Section):
    """What keeps a version out of use, unless somebody overrides it and says why."""

    least_gain: float = Field(
        0.0, strict=True, ge=-1, le=1, description="of the mean AUC over each baseline, at least"
    )
    calibration_error: ShareOrNone = Field(
        0.04, description="mean, at most; or what chance alone explains, where that is more"
    )
    champion_loss: ShareOrNone = Field(
        0.0, description="of the mean AUC, against the champion, at most; chance left aside"
    )
    slice_loss: ShareOrNone = Field(
        0.05,
        description="of AUC in a slice, against the champion or, without one, the logistic",
    )
    least_slice: Count = Field(
        100, description="accounts of a slice at a snapshot, below which it does not block"
    )
    max_lag_days: Whole = Field(
        31, description="by which a source of events may end before the orders do"
    )


class MonitorConfig(Section):
    """When `monitor` raises an alarm."""

    false_alarm_rate: Share = Field(
        0.01, description="of the runs that raise one although no feature has drifted"
    )


class GuardConfig(Section):
    """When a list is refused because its sources are unlike those before; see docs/guards.md."""

    refuse_from: Share = Field(
        0.4,
        description="of what was there; so much is missing or different; half of it is warned of",
    )
    least_accounts: Count = Field(5, description="that a difference concerns")


class EngineConfig(Section):
    """The query engine's share of the machine, and the cluster that works on its shards."""

    kind: Literal["duckdb", "spark"] = Field(
        "duckdb", description="duckdb: this machine; spark: a cluster (docs/spark.md)"
    )
    master: str | None = Field(
        None, description="of Spark: local[*], spark://host:7077, yarn, k8s://..."
    )
    work_folder: PlaceOrAddress | None = Field(
        None,
        description="a path, or an address such as s3://bucket/folder or hdfs://..., that this "
        "machine and all executors of Spark reach; not needed for local[*]",
    )
    task_memory_mib: Count = Field(
        2048, description="that a task of Spark may take for its shard, beside its executor's"
    )
    settings: SparkSettings = Field(
        {}, description="of Spark, such as spark.executor.instances: 4; no secrets"
    )
    memory_share: Share = Field(0.6, description="of the memory; beyond it the engine spills")
    memory_mib: Count | None = Field(None, description="the same in MiB; goes before the share")
    threads: Threads | None = Field(
        None, description="of queries and of scoring; all cores if absent"
    )
    shards: Shards = Field(
        "auto",
        description="parts of the accounts, of which as many are computed at once as there are "
        "threads; more of them take less memory; auto goes by the number of rows and the memory",
    )
    spill_folder: Place | None = Field(None, description="a private temporary folder if absent")
    mapping_seconds: Count = Field(
        600, description="a `.sql` mapping that takes longer is ended and refused"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.kind == "duckdb":
            for key in ("master", "work_folder", "task_memory_mib", "settings"):
                if getattr(self, key) != EngineConfig.model_fields[key].default:
                    raise ValueError(f"`{key}` belongs to Spark; give it with `kind: spark`")
        elif self.master is None:
            raise ValueError(
                "`kind: spark` needs `master`, such as local[*], spark://host:7077 or yarn"
            )
        elif self.work_folder is None and not self.master.startswith("local"):
            raise ValueError(
                f"`master: {shortened(self.master)}` needs `work_folder`, a path or an address "
                "that this machine and all executors reach"
            )
        return self

    @property
    def all_threads(self) -> int:
        """Threads to work with."""
        return self.threads or cpu_count()


class TrackingConfig(Section):
    """Where runs and models are kept; MLFLOW_TRACKING_URI goes before `folder`."""

    folder: StorePlace = Field(
        "../var/mlflow", description="of the local store", validate_default=True
    )
    experiment: Name = Field(description="the experiment's name; the config's if absent")
    model_name: Name = Field(description="the registered model's name; the config's if absent")


class Config(Section):
    """One configuration, read and checked. Paths are absolute."""

    name: Name = Field(description="of the configuration, in runs and file names")
    timezone: Zone = Field("UTC", description="of all wall times and of a snapshot's midnight")
    currency: Currency | None = Field(
        None, description="of all money (ISO 4217); the orders' own if absent"
    )
    rates: RatesConfig | None = Field(
        None, description="of other currencies; several currencies are refused if absent"
    )
    inputs: dict[Name, InputConfig] = Field({}, description="raw files that .sql mappings read")
    sources: dict[TableName, SourceConfig] = Field(description="the canonical tables")
    orders: OrderConfig = _defaults()
    accounts: AccountConfig = _defaults()
    snapshots: SnapshotConfig
    cohort: CohortConfig = _defaults()
    label: LabelConfig = _defaults()
    win_back: WinBackConfig = _defaults()
    features: FeatureConfig = _defaults()
    backtest: BacktestConfig = _defaults()
    model: ModelConfig = _defaults()
    scoring: ScoringConfig = _defaults()
    guards: GuardConfig = _defaults()
    gate: GateConfig = _defaults()
    monitor: MonitorConfig = _defaults()
    engine: EngineConfig = _defaults()
    tracking: TrackingConfig
    output: Place = Field(description="where scores go; ../var/<name> if absent")

    _path: Path = PrivateAttr()
    _written: dict[str, Any] = PrivateAttr()
    _own_families: dict[str, Family] = PrivateAttr(default_factory=dict)
    _sorted_by_size: bool = PrivateAttr(False)
    _label_is_written: bool = PrivateAttr(True)

    @model_validator(mode="before")
    @classmethod
    def _named_after_the_config(cls, written: Any) -> Any:
        """Two configs do not share an experiment, a registered model or an output by accident."""
        name = written.get("name") if isinstance(written, dict) else None
        tracking = written.get("tracking", {}) if isinstance(written, dict) else None
        if not isinstance(name, str) or not isinstance(tracking, dict):
            return written
        named = {"experiment": name, "model_name": name}
        return {"output": f"../var/{name}", **written, "tracking": {**named, **tracking}}

    @field_validator("inputs")
    @classmethod
    def _no_canonical_names(cls, inputs: dict[str, InputConfig]) -> dict[str, InputConfig]:
        for name in inputs:
            if name.lower() in TABLES or name.lower().startswith("quarantine_"):
                raise ValueError(f"'{name}' is a loaded table's name; call it raw_{name}")
        if len({name.lower() for name in inputs}) < len(inputs):
            raise ValueError("two names differ only in capitals")
        return inputs

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if not self.sources:
            raise ValueError("sources: is empty; name at least where the orders are")
        if self.rates is not None and self.currency is None:
            raise ValueError("rates: needs `currency`, which they turn amounts into")
        if self.engine.kind != "spark":
            for name, source in self.sources.items():
                if source.from_spark:
                    key = "address" if source.catalog_table is None else "catalog_table"
                    raise ValueError(
                        f"sources.{name}: `{key}` is read by Spark; add `engine: {{kind: spark, "
                        "master: ...}`"
                    )
        outside = [
            str(day)
            for day in self.backtest.test_snapshots or ()
            if not self.snapshots.first <= day <= self.snapshots.last
        ]
        if outside:
            days = ", ".join(outside)
            raise ValueError(f"backtest.test_snapshots: outside snapshots.first to last: {days}")
        return self

    @property
    def path(self) -> Path:
        """The file that it was read from."""
        return self._path

    @property
    def feature_families(self) -> tuple[Family, ...]:
        """The configured families, ours and the user's own, in the order of the config."""
        known = families(self.features.resolution_days) | self._own_families
        return tuple(known[name] for name in self.features.families)

    def only(self, names: Sequence[str]) -> Self:
        """The same with some of its families; all for no names. UsageError for any other name."""
        configured = self.features.families
        for name in names:
            if name in {*FAMILIES, *self.features.own_families} - {*configured}:
                raise UsageError(
                    f"--only {name}: {self.path} leaves this family out. Add it to "
                    f"`features.families`, or choose among {listed(configured)}."
                )
            if name not in configured:
                raise UsageError(f"--only: {unknown(name, configured, 'feature family')}")
        kept = tuple(name for name in configured if name in names or not names)
        features = self.features.model_copy(update={"families": kept})
        return self.model_copy(update={"features": features})

    def as_written(self) -> dict[str, Any]:
        """All choices, defaults included, as plain values; paths as the file has them."""
        return self._written

    def flat(self) -> dict[str, Any]:
        """All choices under dotted keys, as a run's parameters: `label.horizon_days`."""
        return dict(_flattened(self._written))

    @property
    def label_is_written(self) -> bool:
        """Whether the file says which label counts."""
        return self._label_is_written

    def with_label(self, definition: str) -> Self:
        """The same with another label, and what follows from it."""
        chosen = {name: getattr(self.label, name) for name in self.label.model_fields_set}
        try:
            label = LabelConfig.model_validate({**chosen, "definition": definition})
        except ValidationError as error:
            raise ConfigError(
                f"{self.path}: `label` does not fit {definition}: {error.errors()[0]['msg']}. "
                "Write `label.definition`."
            ) from error
        config = self.model_copy(update={"label": label})
        config._written = {**self._written, "label": label.model_dump(mode="json")}
        return config

    @property
    def ranking(self) -> Literal["departure", "size", "risk"]:
        """What active accounts are ranked by: see `pipeline.scoring.score_table`."""
        if self.label.definition == "departure":
            return "departure"
        return "size" if self._sorted_by_size else "risk"

    def sorted_by_size(self) -> Self:
        """The same while there is too little history to learn departures.

        The cohort is that of departure, accounts are ranked by size, and the risk shown beside is
        that of no order within 90 days.
        """
        label = self.label
        kept = ("silence", "reporting_lag_days", "horizons_days")
        shown = LabelConfig.model_validate(
            {"definition": "inactivity", **{name: getattr(label, name) for name in kept}}
        )
        config = self.model_copy(update={"label": shown})
        config._sorted_by_size = True
        return config

    def meaning_of_risk(self) -> dict[str, Any]:
        """The choices that a model's risk is a statement about; another config's is another."""
        label = self.label
        own: dict[str, Any] = {"cohort.days": self.cohort.days}
        if label.definition == "partial":
            own["label.partial_share"] = label.partial_share
        if self.ranking != "risk":
            own = {f"label.silence.{name}": days for name, days in label.silence}
            own |= {"win_back.days": self.win_back.days, "ranked by": self.ranking}
        return {
            "label.definition": label.definition,
            "label.horizon_days": label.horizon_days,
            "label.reporting_lag_days": label.reporting_lag_days,
            **own,
            "timezone": self.timezone,
        }

    def digest(self) -> str:
        """SHA-256 (hex) over the choices; the same wherever the project lies."""
        text = json.dumps(self._written, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def load_config(path: Path) -> Config:
    """Read and check a config file.

    MissingInput where it is not there, ConfigError with every mistake and its place in the file.
    """
    form = read_file(path, "config file", "give one with --config PATH")
    if not is_utf8(path.resolve()):
        raise ConfigError(f"{path.resolve()}: the path is no UTF-8. Rename the folder or the file.")
    mistakes = list(form.mistakes)
    if isinstance(form.content, dict):
        try:
            folder = path.resolve().parent
            config = Config.model_validate(form.content, context={"folder": folder})
            config._path = path
            label = form.content.get("label")
            config._label_is_written = isinstance(label, dict) and "definition" in label
            config._written = Config.model_validate(form.content).model_dump(mode="json")
        except ValidationError as error:
            mistakes += config_mistakes(Config, error)
        mistakes += _unknown_columns(form.content)
    if mistakes:
        raise ConfigError(told(path, form, mistakes))
    _load_own_families(config, form)
    return config


def _load_own_families(config: Config, form: Form) -> None:
    """Load the families of the user's own that the config looks at; the first broken one is told.

    MissingInput or ConfigError with the place in the config and in the file.
    """
    choices = config.features
    for name in choices.families:
        if name not in choices.own_families:
            continue
        beside = (*families(choices.resolution_days).values(), *config._own_families.values())
        try:
            config._own_families[name] = load_family(
                name, choices.own_families[name], choices.windows_days, beside
            )
        except (ConfigError, MissingInput) as error:
            mistake = (("features", "own_families", name), str(error))
            raise type(error)(told(config.path, form, [mistake])) from error


def _flattened(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{above}{key}.")
        elif value not in (None, {}, []):
            yield above + key, value


def _unknown_columns(content: dict[str, Any]) -> list[Mistake]:
    """Columns that their table does not have; what is no form at all is told elsewhere."""
    found: list[Mistake] = []
    sources = content.get("sources")
    for name, source in sources.items() if isinstance(sources, dict) else ():
        for key in ("columns", "datetime_format"):
            columns = source.get(key) if isinstance(source, dict) else None
            if name in TABLES and isinstance(columns, dict):
                names = TABLES[name].names
                found += [
                    (("sources", name, key, column), unknown(column, names, f"column of {name}"))
                    for column in columns
                    if column not in names
                ]
    return found
