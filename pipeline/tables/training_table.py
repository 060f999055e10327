"""The feature table and the training table: cohort, features and labels put side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.definition import Selection, select
from features.expressions import DAYS_PER_YEAR
from features.order_history import traded
from features.values import Value
from models.dataset import Dataset, Panel, as_stretch
from models.ensemble import shorter_horizons
from models.risk_model import DAYS_PAST_DUE, DAYS_PAST_PATIENCE, STATE
from models.value_at_stake import Years
from pipeline.config import Config
from pipeline.engines import Engine, literal, quoted
from pipeline.errors import ConfigError, DataError
from pipeline.sources import Sources
from pipeline.tables.cohort import ActiveOrDepartedLately, cohort_rule, make_whole_cohort
from pipeline.tables.expected_orders import ExpectedOrders, expected_orders
from pipeline.tables.future.departures import (
    LASTING_DAYS,
    NEITHER,
    SLIP,
    departure_labels,
    departures,
    silent_after,
)
from pipeline.tables.future.reorders import REORDER_DAYS, reorder_labels
from pipeline.tables.label_definitions import (
    GAPS,
    DepartureLabel,
    Label,
    QueriedLabel,
    inactivity,
    label_of,
)
from pipeline.tables.labels import make_labels, make_next_year
from pipeline.tables.sampling import sampled, standing
from pipeline.tables.snapshots import Maturity
from pipeline.tables.trade import past_trade, years_of
from pipeline.tables.values_table import make_values_table
from pipeline.wording import listed

KEYS = ("account_id", "as_of")
LABELS = ("label_complete", "defected", "treated")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrainingTable:
    """Features and labels over many snapshots, in order of as_of, then account_id.

    frame: account_id, as_of, a float64 column per feature, label_complete, defected (0 or 1),
    treated (0 or 1; see `pipeline.tables.labels`). For departure, active accounts only, with the
    days of `models.risk_model.STATE` and what `pipeline.tables.future.departures` says beside, and
    defected is 1 where the outcome is due. lasting: 1 where the account departed lastingly, NaN
    where that is not known yet.
    selection: the features there are, and those that the sources cannot answer. features: `frame`
    without labels, also at snapshots that are mature for a shorter horizon only. labels, by further
    horizons in days: account_id, as_of, label_complete, defected, treated. shorter: those of them
    that the model learns beside the main one. published: those whose risks are published beside it.
    reorders, by horizons in days: what `pipeline.tables.future.reorders` says of departed accounts,
    where the cohort has any.
    trade: what the accounts of `frame` traded before and, where it is known, in the next year; see
    `pipeline.tables.trade`. None where nobody asked. standing: of the rows of `features`; see
    `pipeline.tables.sampling`. None where nobody asked; then each row stands for itself.
    mark_treated: whether the datasets say who was treated; else nobody is told apart. threads: that
    work on the table.
    """

    frame: pd.DataFrame
    selection: Selection
    features: pd.DataFrame = field(default_factory=pd.DataFrame)
    labels: Mapping[int, pd.DataFrame] = field(default_factory=dict)
    shorter: tuple[int, ...] = ()
    published: tuple[int, ...] = ()
    reorders: Mapping[int, pd.DataFrame] = field(default_factory=dict)
    trade: pd.DataFrame | None = None
    standing: pd.DataFrame | None = None
    mark_treated: bool = True
    threads: int = 1

    @cached_property
    def panel(self) -> Panel:
        """The features of all rows as plain arrays."""
        names = tuple(feature.name for feature in self.selection.features)
        rows = self.features
        standing = self.standing
        return Panel(
            features=rows.loc[:, list(names)].to_numpy(dtype=np.float64),
            names=names,
            account=rows["account_id"].to_numpy(dtype=object),
            as_of=rows["as_of"].to_numpy(dtype="datetime64[D]"),
            weight=np.ones(len(rows)) if standing is None else standing["weight"].to_numpy(),
            threads=self.threads,
        )

    @cached_property
    def dataset(self) -> Dataset:
        """The rows of `frame` as plain arrays; what had slipped teaches no departure."""
        dataset = self.labelled(self.frame[[*KEYS, *LABELS]])
        return replace(dataset, learnable=~self.slipped) if self.of_departures else dataset

    @property
    def of_departures(self) -> bool:
        """Whether the label is departure."""
        return "outcome" in self.frame

    @property
    def slipped(self) -> npt.NDArray[np.bool_]:
        """Which rows of `frame` had departed before the snapshot, for departure, (n,)."""
        return (self.frame["outcome"] == SLIP).to_numpy(dtype=np.bool_)

    @property
    def overdue(self) -> npt.NDArray[np.bool_]:
        """Which rows of `frame` were expected to order before the snapshot, for departure, (n,)."""
        return (self.frame[DAYS_PAST_DUE] > 0).to_numpy(dtype=np.bool_)

    def horizon_dataset(self, days: int) -> Dataset:
        """The rows with labels of a further horizon."""
        return self.labelled(self.labels[days])

    @cached_property
    def departed_panel(self) -> Panel:
        """What is known of departed accounts: their features, and how long ago they departed."""
        departed = (self.features[DAYS_PAST_PATIENCE] >= 0).to_numpy(dtype=np.bool_)
        everybody, state = self.panel, self.features.loc[departed, list(STATE)]
        return Panel(
            features=np.column_stack([everybody.features[departed], state.to_numpy(np.float64)]),
            names=(*everybody.names, *STATE),
            account=everybody.account[departed],
            as_of=everybody.as_of[departed],
            weight=everybody.weight[departed],
            threads=self.threads,
        )

    def reorder_dataset(self, days: int) -> Dataset:
        """The departed accounts; label 1 where they ordered again within so many days."""
        panel = self.departed_panel
        keys = pd.DataFrame({"account_id": panel.account, "as_of": panel.as_of.astype("M8[s]")})
        found = _numbered(keys).merge(self.reorders[days], on=list(KEYS), validate="one_to_one")
        return Dataset(
            panel=panel,
            row=found["row"].to_numpy(dtype=np.int64),
            label=found["reordered"].to_numpy(dtype=np.int8),
            label_complete=found["label_complete"].to_numpy(dtype="datetime64[D]"),
            treated=found["treated"].to_numpy(dtype=np.bool_),
        )

    def labelled(self, labels: pd.DataFrame) -> Dataset:
        """The rows with other labels: account_id, as_of, label_complete, defected, treated."""
        found = _numbered(self.features).merge(labels, on=list(KEYS), validate="one_to_one")
        treated = found["treated"].to_numpy(dtype=np.bool_)
        return Dataset(
            panel=self.panel,
            row=found["row"].to_numpy(dtype=np.int64),
            label=found["defected"].to_numpy(dtype=np.int8),
            label_complete=found["label_complete"].to_numpy(dtype="datetime64[D]"),
            treated=treated if self.mark_treated else np.zeros_like(treated),
        )

    def years(self) -> Years:
        """What value at stake is learned from, as plain arrays; ValueError where none was asked."""
        if self.trade is None:
            raise ValueError("this table was built without trade")
        weight = self.of_frame("weight")
        if self.of_departures:  # who slipped neither stayed nor departed later
            weight = np.where(self.slipped, 0.0, weight)
        return years_of(self.trade, weight)

    def accounts(self) -> pd.DataFrame:
        """account_id, as_of, tier, stands_for (see `Panel`) of the rows of `frame`."""
        return self.frame[list(KEYS)].assign(
            tier=self.of_frame("tier"), stands_for=self.dataset.stands_for
        )

    def sample(self) -> str | None:
        """Which rows were kept, in a sentence; None where all were."""
        whole = round(float(self.dataset.stands_for.sum()))
        if whole <= len(self.frame):
            return None
        learned = int((self.dataset.weight > 0).sum())
        return (
            f"A sample: {len(self.frame):,} of {whole:,} rows are kept, and {learned:,} learned "
            "from, each counting for those that it stands for (`model.most_rows`)"
        )

    def of_frame(self, name: str) -> npt.NDArray[Any]:
        """A column of `standing` for each row of `frame`, (n,)."""
        if self.standing is None:
            raise ValueError("this table was built without trade")
        values: npt.NDArray[Any] = self.standing[name].to_numpy()[self.dataset.row]
        return values


def selected_features(config: Config, sources: Sources) -> Selection:
    """The configured families' features that the sources at hand can answer, one or more."""
    selection = select(config.feature_families, config.features.windows_days, sources.provided())
    if not selection.features:
        wanting = sorted({name for names in selection.left_out.values() for name in names})
        raise ConfigError(
            f"{config.path}: no feature of {listed(config.features.families)} can be computed, for "
            f"want of {listed(wanting)}. Map it under `sources`, or choose other families."
        )
    return selection


def learned_labels(config: Config) -> list[Label]:
    """Each label that is learned, the configured one last.

    Only inactivity has further horizons: whoever is silent for long was silent for short. They are
    learned beside departure, too.
    """
    further = {*_shorter(config), *_published(config)}
    lag = config.label.reporting_lag_days
    return [*(inactivity(days, lag) for days in sorted(further)), label_of(config.label)]


def _shorter(config: Config) -> tuple[int, ...]:
    main = config.label
    return shorter_horizons(main.horizon_days) if main.definition == "inactivity" else ()


def _published(config: Config) -> tuple[int, ...]:
    main = config.label
    own = main.horizon_days if main.definition == "inactivity" else None
    return tuple(days for days in main.horizons_days if days != own)


def feature_frame(
    engine: Engine,
    values: Mapping[str, Value],
    as_ofs: Sequence[date],
    rows: str,
    progress: Progress | None = None,
    state: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """account_id, as_of and a float64 column per value for `rows`, by as_of, then account_id.

    state: what the cohort's rule knows of the same rows, in the same order; its columns stand
    beside. All float64 columns lie side by side in one block of memory, which is filled some rows
    after the other: neither the engine nor anybody else holds a second copy of them all.
    """
    make_values_table(engine, "feature_table", values, as_ofs, rows=rows, progress=progress)
    by = ", ".join(KEYS)
    engine.make(
        "feature_place",
        f"SELECT {by}, ROW_NUMBER() OVER (ORDER BY as_of, account_id) - 1 AS place "
        "FROM feature_table",
    )
    keys = engine.frame(f"SELECT {by} FROM feature_place ORDER BY place")
    beside = {} if state is None else {name: state[name] for name in state.columns.drop([*KEYS])}
    if state is not None:
        assert (keys["account_id"].to_numpy() == state["account_id"].to_numpy()).all()
    floats = [name for name, column in beside.items() if column.dtype == np.float64]
    cells = np.empty((len(values) + len(floats), len(keys)))
    columns = ", ".join(map(quoted, values))
    found = engine.batches(
        f"SELECT place, {columns} FROM feature_table JOIN feature_place USING ({by})"
    )
    for batch in found:
        place = batch.column(0).to_numpy()
        for number in range(len(values)):
            cells[number, place] = batch.column(number + 1).to_numpy(zero_copy_only=False)
    engine.drop("feature_table", "feature_place")
    for number, name in enumerate(floats, len(values)):
        cells[number] = beside.pop(name)
    frame = pd.DataFrame(cells.T, columns=[*values, *floats], copy=False)
    for number, name in enumerate(KEYS):
        frame.insert(number, name, keys[name])
    return frame.assign(**beside)


def snapshot_features(
    engine: Engine,
    config: Config,
    selection: Selection,
    as_of: date,
    *,
    whole_cohort: bool = False,
    besides: Mapping[str, Value] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The feature table of one snapshot, for the cohort or for every account seen.

    besides: further values, wanted beside the features under these names. What the cohort's rule
    knows of each row stands beside them; see `pipeline.tables.cohort`.
    """
    state = None
    if whole_cohort:
        make_whole_cohort(engine, "cohort", [as_of])
    else:
        state = cohort_rule(engine, config).make(engine, "cohort", [as_of])
    values = {feature.name: feature.value for feature in selection.features}
    return feature_frame(engine, {**values, **(besides or {})}, [as_of], "cohort", progress, state)


def float_columns(frame: pd.DataFrame) -> tuple[npt.NDArray[np.float64], list[str]]:
    """All float64 columns (n, p) and their names; no copy where they lie in one block."""
    floats = frame.select_dtypes(np.float64)
    return floats.to_numpy(), list(floats.columns)


def model_columns(frame: pd.DataFrame, selection: Selection) -> list[str]:
    """The features, and what the cohort's rule knows of each account's next order."""
    features = [feature.name for feature in selection.features]
    return features + [name for name in STATE if name in frame]


def training_table(
    engine: Engine,
    config: Config,
    sources: Sources,
    labelled: Sequence[tuple[Label, Sequence[date]]],
    year: tuple[Maturity, Sequence[date]],
    whole: Sequence[date],
    progress: Progress | None = None,
) -> TrainingTable:
    """Features, labels and trade of the active cohort, or of a sample of it where it is large.

    labelled: each label with the snapshots at which it is mature, the main one last. year: the same
    of what is traded in the next year. whole: snapshots that keep all accounts in any case.
    """
    selection = selected_features(config, sources)
    as_ofs = sorted({as_of for _, mature in labelled for as_of in mature})
    rule = cohort_rule(engine, config)
    state = rule.make(engine, "cohort", as_ofs)
    mature_for_all = sorted(set(as_ofs).intersection(*(mature for _, mature in labelled if mature)))
    kept = _sample(engine, config.model.most_rows, as_ofs, mature_for_all, whole)
    values = {feature.name: feature.value for feature in selection.features}
    computed = feature_frame(engine, {**values, **past_trade()}, as_ofs, "cohort", progress)
    past = computed[[*KEYS, *past_trade()]]
    features = computed.drop(columns=list(past_trade()))
    if state is not None:
        features = features.merge(state[[*KEYS, *STATE]], on=list(KEYS), validate="one_to_one")
        active = features.loc[features[DAYS_PAST_PATIENCE] < 0, list(KEYS)]
        engine.register("labelled_rows", active.assign(as_of=active["as_of"].dt.date))
    else:
        engine.make("labelled_rows", "SELECT account_id, as_of FROM cohort")
    expected, reorders = None, {}
    until = sources.tables["orders"].complete_until
    if isinstance(rule, ActiveOrDepartedLately):
        expected, lag = rule.expected, config.label.reporting_lag_days
        departed = features.loc[features[DAYS_PAST_PATIENCE] >= 0, list(KEYS)]
        for days in REORDER_DAYS:
            maturity = Maturity(days, lag)
            known, _ = maturity.split(as_ofs, until)
            reorders[days] = reorder_labels(engine, expected, departed, known, maturity)
    frames = []
    for label, mature in labelled:
        frames.append(label_frame(engine, label, mature, "labelled_rows", expected))
    *further, main = frames
    horizons = (label.maturity.horizon_days for label, _ in labelled)
    frame = _with_labels(features, main)
    until = sources.tables["orders"].complete_until
    trade = _with_next_year(engine, past.merge(frame[[*KEYS, "defected"]]), year)
    trade = _with_stayed(engine, expected, labelled[-1][0], trade, year[1], until)
    if isinstance(rule, ActiveOrDepartedLately) and config.ranking == "departure":
        frame = frame.assign(lasting=_lasting(engine, rule, labelled[-1][0], frame, until))
    return TrainingTable(
        frame,
        selection,
        features,
        dict(zip(horizons, further, strict=False)),
        _shorter(config),
        _published(config),
        reorders,
        trade,
        standing(past) if kept is None else kept,
        mark_treated=config.backtest.treated != "keep",
        threads=config.model.all_threads,
    )


def _sample(
    engine: Engine,
    most_rows: int,
    as_ofs: Sequence[date],
    counted: Sequence[date],
    whole: Sequence[date],
) -> pd.DataFrame | None:
    """What is kept of the engine's cohort, where it has too many rows; else None.

    counted: the snapshots at which every label is mature, whose rows count.
    """
    days = ", ".join(f"DATE {literal(str(day))}" for day in counted)
    ((rows,),) = engine.rows(f"SELECT COUNT(*) FROM cohort WHERE as_of IN ({days})")
    if rows <= most_rows:
        return None
    known = standing(feature_frame(engine, past_trade(), as_ofs, "cohort"))
    kept = sampled(known, most_rows, counted, whole)
    keys = kept[list(KEYS)].assign(as_of=kept["as_of"].dt.date)
    engine.register("cohort", keys)
    return kept


def label_frame(
    engine: Engine,
    label: Label,
    mature: Sequence[date],
    rows: str = "cohort",
    expected: ExpectedOrders | None = None,
) -> pd.DataFrame:
    """account_id, as_of, label_complete, defected, treated of `rows` at mature snapshots.

    rows: a table (account_id, as_of). For departure also what `departures` says; expected: see
    `pipeline.tables.future.departures.departure_labels`.
    """
    if not mature:
        return pd.DataFrame({name: [] for name in (*KEYS, "label_complete", "defected", "treated")})
    if isinstance(label, DepartureLabel):
        return departure_labels(engine, label, mature, rows, expected)
    assert isinstance(label, QueriedLabel)
    make_labels(engine, "labels", rows, mature, label)
    found = engine.frame("SELECT * FROM labels")
    found = found[found["as_of"].isin(pd.to_datetime(list(mature)))]
    _refuse_no_cadence(label, found)
    return found.drop(columns="watched_days")


def _with_labels(features: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a label, with it, in their order.

    Every label is of the same features, and these are the largest thing in memory: rows that lie
    side by side, as those of the first snapshots do, share it.
    """
    found = _numbered(features).merge(labels, on=list(KEYS), validate="one_to_one")
    rows = features.iloc[as_stretch(found["row"].to_numpy())].reset_index(drop=True)
    return rows.assign(**{name: found[name] for name in labels.columns if name not in KEYS})


def _lasting(
    engine: Engine,
    rule: ActiveOrDepartedLately,
    label: Label,
    rows: pd.DataFrame,
    complete_until: datetime,
) -> npt.NDArray[np.float64]:
    """1 where an account departed lastingly, 0 where it did not, NaN where it is not known yet."""
    maturity = label.maturity
    known = replace(maturity, horizon_days=maturity.horizon_days + LASTING_DAYS)
    as_ofs, _ = known.split([day.date() for day in rows["as_of"].unique()], complete_until)
    lasts = silent_after(engine, rule.expected, rows, as_ofs, maturity, LASTING_DAYS)
    return np.where(rows["as_of"].isin(pd.to_datetime(as_ofs)), lasts.astype(np.float64), np.nan)


def _numbered(features: pd.DataFrame) -> pd.DataFrame:
    return features[list(KEYS)].assign(row=np.arange(len(features)))


def _refuse_no_cadence(label: Label, labels: pd.DataFrame) -> None:
    """Where every account is watched for the longest, its own cadence decides nothing."""
    longest = label.maturity.horizon_days
    if label.name == "own_cadence" and len(labels) and not (labels["watched_days"] < longest).any():
        raise DataError(
            f"`label.definition: own_cadence` finds no cadence: of {len(labels):,} rows none has a "
            f"usual gap below {longest / GAPS:.0f} days between the order days of the last year, "
            f"so all accounts would be watched for {longest} days. Choose `label: {{definition: "
            f"inactivity, horizon_days: {longest}}}`, or check the mapping of `orders`."
        )


def _with_next_year(
    engine: Engine, past: pd.DataFrame, year: tuple[Maturity, Sequence[date]]
) -> pd.DataFrame:
    """The rows with what was traded in their next year; null where it is not known."""
    maturity, mature = year
    names = ["year_complete", *traded(maturity.horizon_days)]
    if not mature:
        return past.assign(**dict.fromkeys(names))
    make_next_year(engine, "next_year", "cohort", mature, maturity)
    found = engine.frame("SELECT * FROM next_year")
    found = found[found["as_of"].isin(pd.to_datetime(list(mature)))]
    return past.merge(found, on=list(KEYS), how="left", validate="one_to_one")


def _with_stayed(
    engine: Engine,
    expected: ExpectedOrders | None,
    label: Label,
    trade: pd.DataFrame,
    mature: Sequence[date],
    complete_until: datetime,
) -> pd.DataFrame:
    """The rows with `stayed` and `stayed_complete`; see `models.value_at_stake.Years`.

    An account stays the whole year if no departure is dated in it or before it. For another label
    than departure it stays if it does not defect. mature: the snapshots whose next year is known.
    """
    if not isinstance(label, DepartureLabel):
        return trade.assign(
            stayed=1.0 - trade["defected"].where(trade["year_complete"].notna()),
            stayed_complete=trade["year_complete"],
        )
    expected = expected_orders(engine, label.silence) if expected is None else expected
    horizon_days = DAYS_PER_YEAR + label.silence.most_after_due
    year = replace(label.maturity, horizon_days=horizon_days)
    as_ofs, _ = year.split(mature, complete_until)
    found = departures(engine, expected, trade, as_ofs, year, DAYS_PER_YEAR)
    days = pd.Timedelta(days=horizon_days + year.reporting_lag_days)
    known = found[list(KEYS)].assign(
        stayed=(found["outcome"] == NEITHER).astype(np.float64),
        stayed_complete=found["as_of"] + days,
    )
    return trade.merge(known, on=list(KEYS), how="left", validate="one_to_one")
