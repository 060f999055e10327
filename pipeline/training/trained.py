"""What a training has made and measured, before it is recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from models.departures import OutOfTimeDepartures
from models.out_of_time import OutOfTime
from models.risk_model import RiskModel
from models.value_at_stake import ValueAtStake
from models.value_coverage import Coverage
from pipeline.guards.profile import Profile
from pipeline.training.evaluation import Evaluation, Facts
from pipeline.training.horizons import Horizons
from pipeline.training.keep_list_measures import KeepListEvaluation
from pipeline.training.label_audit import LabelAudit
from pipeline.training.leakage import LeakageReport
from pipeline.training.preparation import Prepared
from pipeline.training.win_back import WinBack


@dataclass(frozen=True)
class Trained:
    """A fitted model and what was measured on the way to it.

    facts: of the out-of-time rows. value_coverage: by tier. departures, keep_list: for the label
    departure, what is predicted beside, and what the keep list would have caught. win_back: of
    departed accounts. held: what the sources held; account ids are hashed.
    """

    prepared: Prepared
    leakage: LeakageReport
    labels: LabelAudit
    tests: tuple[date, ...]
    out_of_time: OutOfTime
    facts: Facts
    evaluation: Evaluation
    horizons: Horizons
    model: RiskModel
    value: ValueAtStake
    value_coverage: Coverage
    held: Profile
    departures: OutOfTimeDepartures | None = None
    keep_list: KeepListEvaluation | None = None
    win_back: WinBack = field(default_factory=WinBack)
