"""Looks at the champion as of a date: inputs, expectations, outcomes; publishes what it finds.

`<output>/monitor/as_of=D/model_version=N/revision=R/` holds `monitor.json`, `monitor.html` and a
manifest, published like a list: whole or not at all, and once per set of inputs. One MLflow run
has the same page and figures. For another version than that of the last promotion it lies under
`<output>/trials/monitor`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pandas as pd

from models.drift import Reference
from models.expected_performance import expected_performance
from pipeline.config import Config
from pipeline.console import Steps
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.monitoring.early_read import early_read
from pipeline.monitoring.input_drift import input_drift
from pipeline.monitoring.page import write_page
from pipeline.monitoring.past import (
    Past,
    labels_of,
    newest_publication,
    one_a_week,
    past_publications,
)
from pipeline.monitoring.plain import figures
from pipeline.monitoring.plays import plays
from pipeline.monitoring.realised import realised
from pipeline.monitoring.reference import required
from pipeline.monitoring.ripeness import ripens
from pipeline.scoring.publication import TRIALS, Publication, publish
from pipeline.scoring.score import Prepared, prepared, scored
from pipeline.tables.label_definitions import label_of
from pipeline.tracking.runs import Run, Tracking, open_tracking
from pipeline.training.inputs import input_tags
from pipeline.training.preparation import open_engine
from pipeline.version import code_version

REPORT = "monitor.json"
PAGE = "monitor.html"
MONITOR = "monitor"  # the folder under `output`, and under its trials for another version
_MEASURES = ("auc", "average_precision", "precision_at_capacity")
_NAMED = 20  # alarmed features with metrics of their own
EXPECTATION = "Holds if the risks are calibrated; the interval is of chance alone."


@dataclass(frozen=True)
class Monitored:
    """What was published, and the report in it."""

    publication: Publication
    report: Mapping[str, Any]

    @property
    def page(self) -> Path:
        """The page that was published."""
        return self.publication.folder / PAGE

    @property
    def alarms(self) -> list[str]:
        """The features that have drifted, furthest first."""
        return list(self.report["drift"]["alarms"])


@dataclass(frozen=True)
class _Asked:
    """What is to be looked at: the model with its sources and reference, and what it published."""

    ready: Prepared
    reference: Reference
    newest: Past | None
    pasts: tuple[Past, ...]


def monitor(config: Config, steps: Steps, as_of: date, model: str = "champion") -> Monitored:
    """Look at a registered version as of a date, publish and log the report.

    Errors: as `score`; ConfigError where the version has no reference of its features.
    """
    tracking = open_tracking(config)
    with open_engine(config) as engine:
        ready = prepared(engine, config, steps, as_of, model, replay=False)
        config = ready.request.config
        version = ready.request.version
        asked = _Asked(
            ready,
            required(ready.request.reference, version),
            newest_publication(ready.lists, as_of, config),
            tuple(past_publications(ready.lists, as_of, config)),
        )
        publication = publish(
            config.output / (f"{TRIALS}/{MONITOR}" if ready.request.trial else MONITOR),
            as_of,
            version,
            _inputs(asked),
            lambda folder: _write(folder, engine, asked, tracking, steps),
        )
    report = json.loads((publication.folder / REPORT).read_text(encoding="utf-8"))
    return Monitored(publication, report)


def _inputs(asked: _Asked) -> dict[str, Any]:
    """Everything that decides the report."""
    said = [*asked.pasts, *([asked.newest] if asked.newest else [])]
    publications = {f"{past.as_of} {past.version}": past.inputs_sha256 for past in said}
    return {**asked.ready.inputs, "publications": publications}


def _write(
    folder: Path, engine: DuckDBEngine, asked: _Asked, tracking: Tracking, steps: Steps
) -> Mapping[str, Any]:
    """Write the report and its page, log both, and return the manifest's entries."""
    report = _report(engine, asked, steps)
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / REPORT).write_text(text, encoding="utf-8")
    write_page(folder / PAGE, report)
    steps.begin("Logging to MLflow")
    config = asked.ready.request.config
    tags = {
        "kind": "monitor",
        **input_tags(config, asked.ready.sources),
        "as_of": report["as_of"],
        "publication": report["publication"] or "none",
        "model_version": str(report["model_version"]),
        "alarm": "yes" if report["drift"]["alarms"] else "no",
    }
    with tracking.run(f"{config.name} monitor {report['as_of']}", tags=tags) as run:
        _log(run, folder, report)
    return {
        "config": config.name,
        "as_of": report["as_of"],
        "model": {"name": config.tracking.model_name, "version": report["model_version"]},
        "run_id": run.id,
        "alarms": report["drift"]["alarms"],
        "code_version": code_version(),
    }


def _report(engine: DuckDBEngine, asked: _Asked, steps: Steps) -> dict[str, Any]:
    ready = asked.ready
    request, config = ready.request, ready.request.config
    frame, scores = scored(engine, ready.sources, ready.selection, request, steps)
    steps.know(rows=len(frame))
    risk = scores["risk"].drop_null().to_numpy()
    steps.begin("Comparing the features with training")
    rate = config.monitor.false_alarm_rate
    drift = input_drift(asked.reference, frame, ready.selection, request.as_of, rate)
    steps.begin("Asking what came of earlier lists")
    complete_until = ready.sources.tables["orders"].complete_until
    known_until = min(complete_until, datetime.combine(request.as_of, time()))
    label = label_of(config.label)
    mature, _ = label.maturity.split([past.as_of for past in asked.pasts], known_until)
    weekly = one_a_week(asked.pasts)
    measured = realised(engine, config, [past for past in weekly if past.as_of in mature])

    def labels(wanted: pd.DataFrame) -> pd.DataFrame:
        by_day = wanted.groupby("as_of")["account_id"]
        of_day = {pd.Timestamp(str(day)).date(): accounts for day, accounts in by_day}
        return labels_of(engine, label, [(day, of_day[day]) for day in mature if day in of_day])

    latest = asked.newest.as_of if asked.newest else request.as_of
    return {
        "config": config.name,
        "as_of": str(request.as_of),
        "model_version": request.version,
        "label_end": str(request.model.label_end),
        "defection": label.says,
        "call_capacity": config.scoring.call_capacity,
        "publication": _place(ready, asked.newest),
        "drift": drift,
        "expected": {
            "assumption": EXPECTATION,
            "accounts": len(risk),
            **figures(expected_performance(risk, config.scoring.call_capacity)),
        },
        "ripens": {"as_of": str(latest), "dates": ripens(config, latest)},
        "early": early_read(engine, config, weekly, known_until.date()),
        "realised": measured,
        "plays": plays(engine, config, asked.pasts, labels, request.as_of),
    }


def _place(ready: Prepared, newest: Past | None) -> str | None:
    """Where the newest publication lies, from the folder of publications on."""
    return None if newest is None else newest.folder.relative_to(ready.lists).as_posix()


def _log(run: Run, folder: Path, report: Mapping[str, Any]) -> None:
    """The page, the figures and the chief measures of a report; no account is in any of them."""
    run.file(folder / REPORT)
    run.file(folder / PAGE)
    run.metrics(dict(_metrics(report)))
    for step, past in enumerate(report["realised"]):
        named = ("base_rate", "mean_risk", "calibration_error", "calibration_limit")
        run.metrics({f"realised/{name}": past[name] for name in named}, step)
        run.metrics({f"realised/{name}": past[name]["value"] for name in _MEASURES}, step)


def _metrics(report: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    drift = report["drift"]
    yield "drift/alarms", len(drift["alarms"])
    yield "drift/limit", drift["limit"]
    for measure in ("distance", "psi", "null_share"):
        known = [each[measure] for each in drift["features"] if each[measure] is not None]
        yield f"drift/largest_{measure}", max(known, default=None)
    for name in drift["alarms"][:_NAMED]:
        (feature,) = (each for each in drift["features"] if each["name"] == name)
        yield f"drift/{name}/psi", feature["psi"]
        yield f"drift/{name}/distance", feature["distance"]
    for name in ("base_rate", *_MEASURES):
        for part, value in report["expected"][name].items():
            yield f"expected/{name}/{part}", value
    for past in report["early"]["publications"]:
        yield f"early/{past['as_of']}/expected", past["expected"]
        yield f"early/{past['as_of']}/observed", past["observed"]
