"""Registered models: versions with hashed native files, aliases, the history of promotions."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pipeline.errors import CheckFailed, ConfigError, DataError, MissingInput, UsageError
from pipeline.locks import exclusive
from pipeline.output_files import write_text
from pipeline.tracking.store import Store

CHAMPION = "champion"
CHALLENGER = "challenger"

# The run's tag that names its measures that are not numbers; such a run's model stays out of use.
NOT_FINITE_TAG = "metrics_not_finite"

# A version's tags: what a review said of it, and which champion it was compared with.
STATE_TAG = "review_state"
BLOCKED, REVIEWED, APPROVED = "blocked", "reviewed", "approved"
BLOCKED_TAG = "blocked_because"
COMPARED_TAG = "compared_with"
APPROVED_BY_TAG = "approved_by"
PROMOTED_TAG = "promoted_by_number"  # the last promotion of it that is done
_JUDGEMENT = (STATE_TAG, BLOCKED_TAG, COMPARED_TAG)

SHA256_TAG = "sha256."  # and the name of the file: a version's tags
NATIVE = "native"  # the folder of native files inside a model's artifacts

_PROMOTION_TAG = "promotion."  # and its number: the registered model's tags
_LOCK_SECONDS = 30
_TEXT_LIMIT = 2000  # characters of a promotion's name and reason


@dataclass(frozen=True)
class ModelVersion:
    """A registered version. sha256: hex digest by name of native file."""

    version: int
    run_id: str
    sha256: Mapping[str, str]
    tags: Mapping[str, str]
    description: str
    aliases: tuple[str, ...]

    def judgement(self) -> dict[str, str]:
        """Its tags that a review has set."""
        return {tag: self.tags[tag] for tag in _JUDGEMENT if tag in self.tags}


@dataclass(frozen=True)
class Promotion:
    """One move of the champion alias. previous: None for the first; at: UTC, ISO 8601, seconds.

    rollback: whether it went back to the champion that `previous` had replaced. overridden: what
    stood against it and was set aside. took_effect: not for one whose job died before it moved the
    alias; known once it is read back.
    """

    number: int
    version: int
    previous: int | None
    by: str
    reason: str
    at: str
    rollback: bool = False
    overridden: tuple[str, ...] = ()
    took_effect: bool = True

    @classmethod
    def of(cls, record: str) -> Self:
        """Read it from JSON."""
        content = json.loads(record)
        return cls(**{**content, "overridden": tuple(content.get("overridden", ()))})

    def record(self) -> str:
        """As JSON, before anything has moved."""
        content = asdict(self)
        del content["took_effect"]
        return json.dumps(content, ensure_ascii=False, sort_keys=True)


class Registry:
    """The versions of one registered model. Reading never creates a store."""

    def __init__(self, store: Store, model_name: str) -> None:
        self._store = store
        self._name = model_name

    def resolve(self, alias_or_version: str | int) -> ModelVersion:
        """The version that an alias ("champion") or a number (3, "3") stands for.

        Raises ConfigError when nothing is registered, or nothing under that alias or number.
        """
        registered = self._registered()
        version = self._number(alias_or_version, registered.aliases)
        with self._store.errors():
            found = self._version(version)
        if found is None:
            newest = max((int(v.version) for v in registered.latest_versions), default=None)
            raise ConfigError(
                f"{self._name} has no version {version}; "
                + (f"the newest is {newest}. " if newest else "it has none. ")
                + self._shown_aliases(registered.aliases)
            )
        tags = dict(found.tags)
        return ModelVersion(
            version=version,
            run_id=found.run_id or "",
            sha256={
                key.removeprefix(SHA256_TAG): value
                for key, value in tags.items()
                if key.startswith(SHA256_TAG)
            },
            tags=tags,
            description=found.description or "",
            aliases=tuple(sorted(k for k, v in registered.aliases.items() if int(v) == version)),
        )

    def download(self, version: ModelVersion | int, folder: Path) -> Path:
        """Fetch the native files of a version into a folder under `folder`, and return that.

        Every file is compared with the hash that was registered with it, before anybody parses it;
        nothing of the registry is executed. Raises DataError for files that differ, MissingInput
        for files that are gone, ConfigError for a version without hashes.
        """
        wanted = self.resolve(version) if isinstance(version, int) else version
        if not wanted.sha256:
            raise ConfigError(
                f"Version {wanted.version} of {self._name} carries no hashes of native files: this "
                "program did not register it, and does not load it. Retrain: defection train"
            )
        home, native = self._fetched(wanted.version, folder)
        found = file_hashes(native)
        if found != dict(wanted.sha256):
            shutil.rmtree(native)
            names = sorted(found.keys() | wanted.sha256.keys())
            differing = [name for name in names if found.get(name) != wanted.sha256.get(name)]
            raise DataError(
                f"The files of version {wanted.version} of {self._name} are not those that were "
                f"registered: {', '.join(differing)} changed, under {home}. Restore them from a "
                "backup, promote another version, or retrain."
            )
        return native

    def _fetched(self, version: int, folder: Path) -> tuple[str, Path]:
        """Where the artifacts of a version are, and the copy of its native files."""
        client = self._store.client()
        import mlflow.artifacts
        from mlflow.exceptions import MlflowException

        folder.mkdir(parents=True, exist_ok=True)
        try:
            with self._store.errors():
                home = client.get_model_version_download_uri(self._name, str(version))
                fetched = mlflow.artifacts.download_artifacts(
                    artifact_uri=f"{home}/artifacts/{NATIVE}",
                    dst_path=str(folder),
                    tracking_uri=self._store.address,
                )
        except MlflowException as error:
            raise MissingInput(
                f"The files of version {version} of {self._name} cannot be fetched from {home} "
                f"({str(error).strip().splitlines()[-1]}). Restore them from a backup, promote "
                "another version, or retrain."
            ) from error
        return home, Path(fetched)

    def champion(self) -> ModelVersion | None:
        """The version in use; None without one."""
        return self.resolve(CHAMPION) if CHAMPION in self._registered().aliases else None

    def newest(self) -> ModelVersion:
        """The version that was registered last."""
        return self.resolve(max(int(v.version) for v in self._registered().latest_versions))

    def judge(
        self, version: int, objections: Sequence[str], compared_with: int | None
    ) -> list[str]:
        """Record what a review says of a version, and return all that stands against it.

        objections: what the review found; measures that are not numbers are added. By any of them
        the version is blocked. compared_with: the champion that it was compared with, None where
        there was none. A version that is in use stays approved.
        """
        found = self.resolve(version)
        against = [*objections, *self._unmeasured(found)]
        state = BLOCKED if against else REVIEWED
        if CHAMPION in found.aliases:
            state = found.tags.get(STATE_TAG, APPROVED)
        self._tag(
            version,
            {
                STATE_TAG: state,
                BLOCKED_TAG: "\n".join(against),
                COMPARED_TAG: str(compared_with or "no champion"),
            },
        )
        return against

    def promote(
        self, version: int | str, by: str, reason: str, *, override: bool = False
    ) -> Promotion:
        """Put a version into use: record who and why, then move the alias `champion` to it.

        version: a number, or an alias such as "challenger"; the alias `challenger` is taken away
        from the version, which is none any more. override: although something stands against it,
        which is recorded, too. Raises UsageError without a name or a reason, ConfigError when there
        is no such version or it is in use already, CheckFailed when a review has blocked it, when
        none has compared it with the champion, or when a measure of its run is not a number.
        """
        return self._use(lambda: version, by, reason, rollback=False, override=override)

    def rollback(self, by: str, reason: str) -> Promotion:
        """Put the champion that the present one replaced into use again; recorded as a promotion.

        Once more goes back further. Raises as `promote`, and ConfigError without a champion before.
        """
        return self._use(self._replaced, by, reason, rollback=True, override=False)

    def _use(
        self,
        choose: Callable[[], int | str],
        by: str,
        reason: str,
        *,
        rollback: bool,
        override: bool,
    ) -> Promotion:
        said = {"by": by.strip(), "reason": reason.strip()}
        for what, text in said.items():
            if not 0 < len(text) <= _TEXT_LIMIT or not text.isprintable():
                raise UsageError(
                    f"A promotion records who and why: --{what} takes one line of 1 to "
                    f"{_TEXT_LIMIT} characters."
                )
        self._registered()  # before the lock, whose file would make the folder
        with exclusive(self._store.folder / ".promotion.lock", "promoting a model", _LOCK_SECONDS):
            begun = self._unfinished()
            if begun is not None:
                again = begun.rollback if rollback else self._is(begun.version, choose())
                self._finish(begun)
                if again:  # its job died
                    return begun
            chosen = self.resolve(choose())
            aliases = self._registered().aliases
            previous = int(aliases[CHAMPION]) if CHAMPION in aliases else None
            if previous == chosen.version:
                raise ConfigError(
                    f"Version {chosen.version} of {self._name} is the champion already. "
                    + self._shown_aliases(aliases)
                )
            objections = [] if rollback else self._objections(chosen, previous)
            if objections and not override:
                raise CheckFailed(
                    f"Version {chosen.version} of {self._name} is not promoted:"
                    + "".join(f"\n  - {objection}" for objection in objections)
                    + "\nMend it and train again, or set this aside with --override and a --reason "
                    "that says why; it stays in the history."
                )
            promotion = Promotion(
                number=max((past.number for past in self.history()), default=0) + 1,
                version=chosen.version,
                previous=previous,
                by=said["by"],
                reason=said["reason"],
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                rollback=rollback,
                overridden=tuple(objections),
            )
            self._record(promotion)
            self._finish(promotion)
        return promotion

    def _is(self, version: int, alias_or_version: int | str) -> bool:
        return self._number(alias_or_version, self._registered().aliases) == version

    def _unfinished(self) -> Promotion | None:
        """The last promotion, if its job died after it moved the alias and before it was done."""
        last = next(reversed(self.history()), None)
        if last is None or not last.took_effect:
            return None
        champion = self.champion()
        if champion is None or champion.version != last.version:  # moved by somebody else
            return None
        done = champion.tags.get(PROMOTED_TAG) == str(last.number)
        return None if done and CHALLENGER not in champion.aliases else last

    def _objections(self, chosen: ModelVersion, champion: int | None) -> list[str]:
        """What stands against using a version in place of the champion."""
        tags = chosen.tags
        review = f"defection review --version {chosen.version}"
        if STATE_TAG not in tags:
            return [f"no review has looked at it: {review}"]
        found = tags.get(BLOCKED_TAG, "").splitlines()
        if champion is not None and tags.get(COMPARED_TAG) != str(champion):
            found.append(f"it was not compared with the champion, version {champion}: {review}")
        return found

    def _replaced(self) -> int:
        """The champion before this one: a promotion goes on top, a rollback takes it off again."""
        champion = self.resolve(CHAMPION).version
        used: list[int] = []
        for past in self.history():
            if past.took_effect:
                used = used[:-1] if past.rollback else [*used, past.version]
        while used and used[-1] != champion:  # moved by somebody else
            used.pop()
        if len(used) < 2:
            raise ConfigError(
                f"Version {champion} of {self._name} has no champion before it in the history: "
                "there is none to go back to. Promote another version: "
                "defection promote --version N --by NAME --reason TEXT"
            )
        return used[-2]

    def _record(self, promotion: Promotion) -> None:
        # Before anything moves: a job killed in between leaves a record too many, never an alias
        # that moved and nobody knows why.
        with self._store.errors():
            self._store.client().set_registered_model_tag(
                self._name, f"{_PROMOTION_TAG}{promotion.number:06d}", promotion.record()
            )

    def _finish(self, promotion: Promotion) -> None:
        """All that a recorded promotion does; as often as needed, the same each time.

        The alias `challenger` goes last, so that the same command finds its version until then.
        """
        with self._store.errors():
            client = self._store.client()
            client.set_registered_model_alias(self._name, CHAMPION, str(promotion.version))
            write_text(self.history_file, self._exported())
            tags = {STATE_TAG: APPROVED, APPROVED_BY_TAG: promotion.by}
            self._tag(promotion.version, {**tags, PROMOTED_TAG: str(promotion.number)})
            if int(self._registered().aliases.get(CHALLENGER, 0)) == promotion.version:
                client.delete_registered_model_alias(self._name, CHALLENGER)

    def _tag(self, version: int, tags: Mapping[str, str]) -> None:
        with self._store.errors():
            for key, value in tags.items():
                self._store.client().set_model_version_tag(self._name, str(version), key, value)

    @property
    def history_file(self) -> Path:
        """Where every promotion writes the whole history, for those who have no MLflow at hand."""
        return self._store.folder / f"promotion_history-{self._name}.json"

    def _exported(self) -> str:
        entries = [asdict(promotion) for promotion in self.history()]
        return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"

    def history(self) -> list[Promotion]:
        """All promotions, oldest first; empty when a model is registered and none was promoted."""
        registered = self._registered()
        tags, aliases = registered.tags, registered.aliases
        keys = sorted(key for key in tags if key.startswith(_PROMOTION_TAG))
        records = [Promotion.of(tags[key]) for key in keys]
        champion = int(aliases[CHAMPION]) if CHAMPION in aliases else None
        # What was the champion when the next one was recorded; it is not moved in between.
        afterwards = [*(record.previous for record in records[1:]), champion]
        return [
            replace(record, took_effect=then == record.version or then != record.previous)
            for record, then in zip(records, afterwards, strict=False)
        ]

    def _registered(self) -> Any:
        """MLflow's entity of the registered model, aliases and tags included."""
        absent = ConfigError(
            f"No model {self._name} is registered in {self._store.shown}. "
            "Train one first: defection train --config FILE"
        )
        if not self._store.exists():
            raise absent
        client = self._store.client()
        with self._store.errors():
            from mlflow.exceptions import MlflowException

            try:
                return client.get_registered_model(self._name)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    raise absent from error
                raise

    def _version(self, version: int) -> Any:
        """MLflow's entity of a version, None when there is none."""
        from mlflow.exceptions import MlflowException

        try:
            return self._store.client().get_model_version(self._name, str(version))
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise

    def _number(self, alias_or_version: str | int | float, aliases: Mapping[str, str]) -> int:
        if isinstance(alias_or_version, str) and alias_or_version in aliases:
            return int(aliases[alias_or_version])
        text = str(alias_or_version).strip()
        if text.isascii() and text.isdigit() and 0 < int(text) < 2**31:
            return int(text)
        raise ConfigError(
            f"{self._name} has no version or alias {text!r}. {self._shown_aliases(aliases)}"
        )

    def _shown_aliases(self, aliases: Mapping[str, str]) -> str:
        if not aliases:
            return "It has no aliases; train a version first: defection train --config FILE"
        listed = ", ".join(f"{name} (version {aliases[name]})" for name in sorted(aliases))
        return (
            f"Aliases: {listed}. To put a version into use: "
            "defection promote --version N --by NAME --reason TEXT"
        )

    def _unmeasured(self, chosen: ModelVersion) -> list[str]:
        """An objection where measures of its run are not numbers."""
        if not chosen.run_id:
            return []
        with self._store.errors():
            data = self._store.client().get_run(chosen.run_id).data
        unfit = {name for name, value in data.metrics.items() if not math.isfinite(value)}
        unfit.update(filter(None, data.tags.get(NOT_FINITE_TAG, "").split(", ")))
        several = f" ({len(unfit)} measures in all)" if len(unfit) > 1 else ""
        return [f"{min(unfit)} is not a number{several}"] if unfit else []


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 in hex of every file under `folder`, by its relative name with forward slashes."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
