"""Decides whether the sources are too unlike before to publish a list of them.

They are compared with the publication before and with the training of the model, as far as these
recorded what the sources were like. Who knows that a change is real accepts it, with a reason.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipeline import console
from pipeline.config import Config
from pipeline.engines.duckdb import DuckDBEngine
from pipeline.errors import (
    ConfigError,
    DataError,
    MissingInput,
    ServiceUnavailable,
    UsageError,
)
from pipeline.guards import profile
from pipeline.guards.compare import Difference, Level, Limits, compare, gone
from pipeline.guards.crossings import CROSSINGS, Floats, compare_crossings
from pipeline.guards.lines import line, lines, refusal, table
from pipeline.guards.measure import mark_of, measure
from pipeline.guards.profile import FILE, Profile
from pipeline.output_files import short
from pipeline.pseudonyms import find_key
from pipeline.scoring.publication import (
    MEANING,
    SCORES,
    damage,
    date_of,
    newest_before,
    read_manifest,
)
from pipeline.scratch import ScratchFolder
from pipeline.sources.findings import LoadedTable
from pipeline.tracking.registry import CHAMPION, NothingRegistered
from pipeline.tracking.runs import open_tracking
from pipeline.wording import counted, listed

COMPARED = "sources_compared"  # in the manifest
NOT_NEEDED = "The reason given with --accept was not needed and is not recorded."
_REASON_SIGNS = 500
_PLACEHOLDERS = ("reason", "why", "why sources that differ are right")  # of messages and of `make`


@dataclass(frozen=True)
class Before:
    """What the sources were like before.

    says: when, in words. as_of: of the publication, None for a training. accepted: how much each
    figure differed when it was accepted, by `Difference.key`. same_risk: whether the risk was a
    statement about the same as now; else its expected crossings are not comparable.
    """

    says: str
    profile: Profile
    as_of: date | None = None
    accepted: Mapping[str, float] = field(default_factory=dict)
    same_risk: bool = True

    @property
    def other_risk(self) -> str:
        """Why its expected crossings are not comparable."""
        return (
            f"{CROSSINGS.capitalize()} are not compared: the risk of {self.says} has another "
            "meaning."
        )


@dataclass(frozen=True)
class Compared:
    """The sources today beside what they were like before. gone: tables that are not read now."""

    before: Before
    differences: tuple[Difference, ...]
    gone: tuple[str, ...]

    def of(self, level: Level) -> list[Difference]:
        """The differences of a level, or above it."""
        return [each for each in self.differences if each.level >= level]

    def lines(self) -> list[str]:
        """What to warn of, and the tables that are gone, as text."""
        said = [f"  {each}" for each in lines(self.of(Level.WARNED))]
        head = [f"The sources differ from {self.before.says}:"] if said else []
        return [*head, *said, *self.lines_of_gone()]

    def lines_of_gone(self) -> list[str]:
        """The tables that are gone, as text."""
        return [
            f"The config has no source {name} any more; {self.before.says} had "
            f"{counted(self.before.profile.tables[name].rows, 'row')} of it. What comes from it is "
            "empty. Put it back under `sources`, or train without it."
            for name in self.gone
        ]


@dataclass(frozen=True)
class Guard:
    """The comparisons of a run, and the reason with which it accepts differences; empty: none.

    notes: what could not be compared, and why. version: of the model. command: to run again.
    said_before: the reason that accepted differences for an earlier revision of the same date.
    """

    limits: Limits
    version: int
    command: str
    reason: str = ""
    publication: Compared | None = None
    training: Compared | None = None
    notes: tuple[str, ...] = ()
    said_before: str = ""

    @property
    def compared(self) -> list[Compared]:
        """The comparisons that could be made."""
        return [each for each in (self.publication, self.training) if each is not None]

    @property
    def accepted(self) -> list[str]:
        """The differences that the reason accepts."""
        if not self.reason:
            return []
        return [line for each in self.compared for line in each.lines()]

    def require_alike(self) -> None:
        """DataError where a source differs too much and nobody said that this is right.

        It names all that is refused of all comparisons made so far.
        """
        if self.reason:
            return
        refused = {each.before.says: each.of(Level.REFUSED) for each in self.compared}
        refused = {says: differences for says, differences in refused.items() if differences}
        if refused:
            raise DataError(refusal(refused, self.limits, self.command))

    def of(self, level: Level) -> list[Difference]:
        """The differences of a level, or above it, from all that was compared with."""
        return [difference for each in self.compared for difference in each.of(level)]

    def total(self) -> str:
        """How many differences `score` would refuse, and warn of, as text; empty for none."""
        refused = len(self.of(Level.REFUSED))
        warned = len(self.of(Level.WARNED)) - refused
        said = [f"score would refuse: {counted(refused, 'difference')}"] if refused else []
        said += [f"score would warn of: {counted(warned, 'difference')}"] if warned else []
        return "; ".join(said)

    def still_to_come(self) -> Iterator[str]:
        """What only `score` compares, as text."""
        if self.publication is None or not self.publication.before.profile.crossings:
            return
        before = self.publication.before
        if before.same_risk:
            yield f"{CROSSINGS.capitalize()} are compared by `score` only, when it scores them."
        else:
            yield before.other_risk

    def tables(self) -> Iterator[str]:
        """All figures then and now, as text."""
        for each in self.compared:
            yield f"Compared with {each.before.says}:"
            yield from (f"  {row}" for row in table(each.differences))
            yield from each.lines_of_gone()
        yield from self.notes
        yield from self.still_to_come()
        if self.of(Level.REFUSED):
            yield "`score` refuses these sources, unless --accept gives a reason."

    def warnings(self) -> list[str]:
        """What to tell whoever runs it."""
        said = [line for each in self.compared for line in each.lines()]
        if not self.compared:
            said += self.notes
        if self.accepted:
            said.append(f"Accepted: {self.reason}")
            said += self._accepted_unseen()
        elif self.reason:
            said.append(NOT_NEEDED)
        return said

    def note(self) -> str:
        """What a reader of the list has to know, in a sentence."""
        if not self.accepted:
            if not self._stands:
                return ""
            return f"The data differ much from before. This was accepted: {self.said_before}"
        before = " and from ".join(
            each.before.says for each in self.compared if each.of(Level.WARNED) or each.gone
        )
        refused = listed(lines(self.of(Level.REFUSED)), 3)
        said = f" ({refused})" if refused else ""
        return f"The data differ much from {before}{said}. This was accepted: {self.reason}"

    @property
    def _stands(self) -> bool:
        """Whether something differs that was accepted for an earlier revision."""
        differences = [each for compared in self.compared for each in compared.differences]
        return bool(self.said_before) and any(
            each.level < self.limits.level(each.share, each.units) for each in differences
        )

    def _accepted_unseen(self) -> Iterator[str]:
        """What no refusal showed before the reason was given: accounts are scored after it."""
        unseen = [each for each in self.of(Level.REFUSED) if each.what == CROSSINGS]
        if unseen and len(self.of(Level.REFUSED)) > len(unseen):
            yield "Accepted with it, though the refusal could not show it yet:"
            yield from (f"  {line(each)}" for each in unseen)

    def with_crossings(self, days_past_patience: Floats, as_of: date) -> Guard:
        """The same with the accounts that fell silent since the publication before.

        days_past_patience: (n,), of the accounts scored as of today.
        """
        if self.publication is None or self.publication.before.as_of is None:
            return self
        before = self.publication.before
        if not before.same_risk:
            return replace(self, notes=(*self.notes, before.other_risk))
        days = (as_of - self.publication.before.as_of).days
        found = compare_crossings(before.profile.crossings, days_past_patience, days, self.limits)
        if found is None:
            return self
        found = _settled(found, before.accepted, self.limits)
        differences = (*self.publication.differences, found)
        return replace(self, publication=replace(self.publication, differences=differences))

    def to_json(self) -> dict[str, Any]:
        """What the manifest records."""
        before = None if self.publication is None else self.publication.before.as_of
        return {
            "with": [each.before.says for each in self.compared],
            "not_compared": list(self.notes),
            "differences": [line for each in self.compared for line in each.lines()],
            "no_longer_sources": sorted({name for each in self.compared for name in each.gone}),
            "accepted": {"reason": self.reason, "differences": self.accepted}
            if self.accepted
            else None,
            "accepted_for_this_date": self.reason if self.accepted else self.said_before,
            "accepted_of_training": {
                "model_version": self.version,
                "shares": self._shares(self.training) | self._without_sources(),
            },
            "accepted_of_publication": {
                "as_of": None if before is None else str(before),
                "shares": self._shares(self.publication),
            },
        }

    def _without_sources(self) -> dict[str, float]:
        """The sources that a reason accepts to be without, in the form of shares."""
        gone = {_no_source(name) for each in self.compared for name in each.gone}
        return dict.fromkeys(gone, 1.0) if self.reason else {}

    def _shares(self, compared: Compared | None) -> dict[str, float]:
        """How much each figure differed that was accepted, now or before."""
        if compared is None:
            return {}
        now: dict[str, float] = {}
        for each in compared.of(Level.WARNED) if self.reason else ():
            now[each.key] = max(each.share, now.get(each.key, 0))  # values without a name share one
        return {**compared.before.accepted, **now}


def guard_sources(
    engine: DuckDBEngine,
    tables: Sequence[LoadedTable],
    config: Config,
    *,
    root: Path,
    as_of: date,
    version: int,
    training: Profile | None,
    command: str,
    reason: str = "",
    why_no_training: str = "",
) -> Guard:
    """Compare the loaded tables with the publication before and with the training.

    root: of the publications. version: of the model, and training: what it recorded of its sources,
    None where it did not; why_no_training: if for another reason. command, reason: see `Guard`.
    """
    limits = Limits(config.guards.refuse_from, config.guards.least_accounts)
    notes: list[str] = []
    publication, learned = None, None
    carried: Mapping[str, float] = {}
    newest = _publication_before(root, as_of)
    revised = _revised(root, as_of)
    recorded = revised or (newest[0][COMPARED] if newest is not None else {})
    accepted = recorded.get("accepted_of_training", {})
    if accepted.get("model_version") == version:
        carried = accepted["shares"]
    if newest is None:
        notes.append("There is no earlier publication that says what its sources were like.")
    else:
        manifest, held = newest
        settled = revised.get("accepted_of_publication", {})
        kept = settled["shares"] if settled.get("as_of") == manifest["as_of"] else {}
        day = date.fromisoformat(manifest["as_of"])
        meaning = config.meaning_of_risk()
        same_risk = manifest.get(MEANING, meaning) == meaning
        before = Before(f"the publication of {day}", held, day, kept, same_risk)
        publication = _compare(engine, tables, before, limits)
    if training is None:
        notes.append(
            why_no_training
            or f"Model version {version} was registered without {FILE}: train one to compare with."
        )
    elif _ends_before(tables, training, as_of):
        notes.append(f"The sources end before those that model version {version} learned from.")
    else:
        key = find_key(config.output) or b""
        before = Before(f"the training of model version {version}", training, None, carried)
        learned = _compare(engine, tables, before, limits, key)
        said = publication.gone if publication is not None else ()  # it says so the first time
        left = (name for name in learned.gone if _no_source(name) not in carried)
        learned = replace(learned, gone=tuple(name for name in left if name not in said))
        if training.hidden_by != mark_of(key):
            notes.append(
                f"Account ids are not compared with the training of model version {version}: it "
                f"hashed them with another key than that under {short(config.output)}."
            )
    said_before = revised.get("accepted_for_this_date", "")
    return Guard(limits, version, command, reason, publication, learned, tuple(notes), said_before)


def command_of(config: Config, as_of: date, model: str) -> str:
    """The line that scores a snapshot again."""
    chosen = "" if model == CHAMPION else f" --model {shlex.quote(model)}"
    return f"defection score --config {shlex.quote(str(config.path))} --as-of {as_of}{chosen}"


def checked_reason(reason: str | None) -> str:
    """The reason as it is recorded; UsageError where it is no line of text, or no reason."""
    if reason is None:
        return ""
    said = reason.strip()
    if not 0 < len(said) <= _REASON_SIGNS or not said.isprintable():
        raise UsageError(f"--accept takes a reason: one line of 1 to {_REASON_SIGNS} characters.")
    words = " ".join(re.findall(r"\w+", said)).lower()
    if not words or words in _PLACEHOLDERS:
        raise UsageError(
            f"--accept has no reason yet: {said!r} stands for one. Say in your own words why the "
            "change is real; it is recorded, and shown to whoever reads the list."
        )
    return said


def guard_of_champion(engine: DuckDBEngine, tables: Sequence[LoadedTable], config: Config) -> Guard:
    """Compare the loaded tables with the newest publication and with the champion's training.

    The champion is the version that `score` would use.
    """
    version, training, why = 0, None, ""
    what = "There is no champion to compare with"
    try:
        registry = open_tracking(config).registry
        champion = registry.in_use()
        what = "The champion cannot be compared with"
        with ScratchFolder() as folder:
            training = profile.load(registry.download(champion, folder.path))
        version = champion.version
    except NothingRegistered:
        why = "No model was trained yet that says what its sources were like."
    except (ConfigError, DataError, MissingInput, ServiceUnavailable) as error:
        why = f"{what}: {str(error).splitlines()[0]}"
    return guard_sources(
        engine,
        tables,
        config,
        root=config.output / SCORES,
        as_of=date.max,
        version=version,
        training=training,
        command="",
        why_no_training=why,
    )


def _no_source(name: str) -> str:
    return f"no source {name}"


def _compare(
    engine: DuckDBEngine,
    tables: Sequence[LoadedTable],
    before: Before,
    limits: Limits,
    key: bytes | None = None,
) -> Compared:
    now = measure(engine, tables, like=before.profile, key=key)
    differences = tuple(
        _settled(difference, before.accepted, limits)
        for difference in compare(before.profile, now, limits)
    )
    return Compared(before, differences, gone(before.profile, now))


def _settled(difference: Difference, accepted: Mapping[str, float], limits: Limits) -> Difference:
    """The same, and no more to be said of it where it was accepted and has hardly grown since."""
    known = accepted.get(difference.key)
    if known is None or difference.share > known + limits.share / 2:
        return difference
    return replace(difference, level=Level.SAME)


def _publication_before(root: Path, as_of: date) -> tuple[Mapping[str, Any], Profile] | None:
    """The manifest of the newest publication before a date, and what its sources were like.

    None where that publication does not know, as those of programs before this one.
    """
    folder = newest_before(root, as_of, None)
    while folder is not None:
        manifest = read_manifest(folder)
        if FILE not in manifest["files"]:
            return None
        why = damage(folder, FILE)
        if not why:
            held = profile.load(folder)
            return None if held is None else (manifest, held)
        console.complain(f"{short(folder)} is not compared with: {why}.")
        folder = newest_before(root, date.fromisoformat(manifest["as_of"]), None)
    return None


def _revised(root: Path, as_of: date) -> Mapping[str, Any]:
    """What the newest revision of the same date recorded of its comparisons; empty for none."""
    if as_of == date.max:
        return {}
    folder = newest_before(root, as_of + timedelta(days=1), None)
    if folder is None or date_of(folder) != as_of:
        return {}
    return read_manifest(folder).get(COMPARED) or {}


def _ends_before(tables: Sequence[LoadedTable], training: Profile, as_of: date) -> bool:
    """Whether these are older sources, for an earlier date, than a model learned from."""
    learned = training.tables.get("orders")
    orders = next((table for table in tables if table.name == "orders"), None)
    if learned is None or learned.until is None or orders is None:
        return True
    return as_of < learned.until.date() and orders.complete_until < learned.until
