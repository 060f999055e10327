"""Registered models: versions with hashed native files, aliases, the history of promotions."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import CheckFailed, ConfigError, DataError, MissingInput, UsageError
from pipeline.locks import exclusive
from pipeline.output_files import write_text
from pipeline.tracking.promotions import (
    PROMOTED_TAG,
    Promotion,
    became,
    last_of,
    replaced_by_last,
)
from pipeline.tracking.store import Store
from pipeline.tracking.store_file import NEWEST

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
_JUDGEMENT = (STATE_TAG, BLOCKED_TAG, COMPARED_TAG)

SHA256_TAG = "sha256."  # and the name of the file: a version's tags
NATIVE = "native"  # the folder of native files inside a model's artifacts

_PROMOTION_TAG = "promotion."  # and its number: the registered model's tags
_LOCK_SECONDS = 30
_TEXT_LIMIT = 2000  # characters of a promotion's name and reason


class NothingRegistered(ConfigError):
    """No version was ever registered under the name."""


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
                "program did not register it, and does not load it. Retrain: "
                + self._store.command("train")
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

    def registered_by(self, run_id: str) -> int | None:
        """The version that a run has registered; None where it has registered none."""
        with self._store.errors():
            found = self._store.client().search_model_versions(f"run_id = '{run_id}'")
        return max((int(each.version) for each in found if each.name == self._name), default=None)

    def champion(self) -> ModelVersion | None:
        """The version of the last promotion; None without one, or where it was deleted since."""
        last = last_of(self.history()) if self._find() else None
        return None if last is None or last.deleted else self.resolve(last.version)

    def last_promotion(self) -> Promotion | None:
        """The last promotion that took effect, by the store and by the record beside it.

        ConfigError where the store is older than the record.
        """
        history = self.history()
        known = max((past.number for past in history), default=0)
        unknown = [past for past in self._beside() if past.number > known]
        if unknown and self._store.is_own:
            newest = unknown[-1]
            raise ConfigError(
                f"{self._store.shown} is older than {self.history_file}, which records promotion "
                f"{newest.number}, of version {newest.version} by {newest.by} on {newest.at}. Go "
                f"back to its newest copy: {self._store.command(f'restore --copy {NEWEST}')}"
                f"\nOr promote a version again: {self._promote(newest.version)}"
            )
        return last_of(history)

    def in_use(self) -> ModelVersion:
        """The version of the last promotion, the only one that lists are made from.

        ConfigError where there is none, where it was deleted, and where the alias `champion` stands
        for another one.
        """
        last = self.last_promotion()
        aliases = self._registered().aliases
        alias = _stands_for(CHAMPION, aliases)
        if last is None:
            by_hand = f" Its alias {CHAMPION} was set by hand." if alias else ""
            raise ConfigError(
                f"No version of {self._name} was promoted yet.{by_hand} "
                + self._shown_aliases(aliases)
            )
        said = f"version {last.version}, promoted by {last.by} on {last.at}"
        if last.deleted:
            raise ConfigError(
                f"The champion of {self._name}, {said}, was deleted from {self._store.shown}. Go "
                "back to the one before: "
                + self._store.command("rollback --by NAME --reason TEXT")
                + "\nOr promote another version: "
                + self._promote("N")
                + "\nOr go back to the copy of the store from before it was deleted: "
                + self._store.command(f"restore --copy {NEWEST}")
            )
        if alias != last.version:
            now = f"stands for version {alias}" if alias else "is gone"
            raise ConfigError(
                f"The alias {CHAMPION} of {self._name} was changed by hand: it {now}, and the last "
                f"promotion is that of {said}. Put the alias back: "
                + self._store.command("restore")
                + (self._or_promote(alias) if alias else "")
            )
        return self.resolve(last.version)

    def _or_promote(self, version: int) -> str:
        return (
            f"\nOr put version {version} into use as every version is: "
            + self._store.command(f"review --version {version}")
            + "\n"
            + self._promote(version)
        )

    def _promote(self, version: int | str) -> str:
        return self._store.command(f"promote --version {version} --by NAME --reason TEXT")

    def record_beside(self) -> str:
        """What is wrong with the file of the history, in words; empty where it says the same."""
        if not self._store.is_own or not self._find() or self._same_beside(self.history()):
            return ""
        return f"{self.history_file} does not say what the store does"

    def _same_beside(self, history: Sequence[Promotion]) -> bool:
        return [past.record() for past in self._beside()] == [past.record() for past in history]

    def put_back(self) -> list[str]:
        """Let the alias `champion` and the file of the history follow the last promotion again.

        Returns a sentence for each that did not.
        """
        if not self._find():
            return []
        said = []
        with self._promoting():
            if (begun := self._unfinished()) is not None:
                self._finish(begun)
                said.append(f"The promotion of version {begun.version} is completed.")
            history = self.history()
            last = last_of(history)
            alias = _stands_for(CHAMPION, self._registered().aliases)
            if last and not last.deleted and alias != last.version:
                with self._store.errors():
                    self._store.client().set_registered_model_alias(
                        self._name, CHAMPION, str(last.version)
                    )
                said.append(f"The alias {CHAMPION} stands for version {last.version} again.")
            if len(self._beside()) <= len(history) and self.record_beside():
                write_text(self.history_file, self._exported())
                said.append(f"{self.history_file.name} is written again.")
        return said

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
        champion = self.champion()
        if champion and champion.version == version:
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
        self,
        version: int | str,
        by: str,
        reason: str,
        *,
        override: bool = False,
        require: Callable[[ModelVersion], None] = lambda version: None,
    ) -> Promotion:
        """Put a version into use: record who and why, then move the alias `champion` to it.

        version: a number, or an alias such as "challenger"; the alias `challenger` is taken away
        from the version, which is none any more. override: although something stands against it,
        which is recorded, too. require: raises where the version cannot be used at all, which no
        override sets aside. Raises UsageError without a name or a reason, ConfigError when there
        is no such version or it is in use already, CheckFailed when a review has blocked it, when
        none has compared it with the champion, or when a measure of its run is not a number.
        """
        return self._use(
            lambda: version, by, reason, rollback=False, override=override, require=require
        )

    def rollback(
        self,
        by: str,
        reason: str,
        require: Callable[[ModelVersion], None] = lambda version: None,
    ) -> Promotion:
        """Put the champion that the present one replaced into use again; recorded as a promotion.

        Once more goes back further. Raises as `promote`, and ConfigError without a champion before.
        """
        return self._use(self._replaced, by, reason, rollback=True, override=False, require=require)

    def _use(
        self,
        choose: Callable[[], int | str],
        by: str,
        reason: str,
        *,
        rollback: bool,
        override: bool,
        require: Callable[[ModelVersion], None],
    ) -> Promotion:
        said = {"by": by.strip(), "reason": reason.strip()}
        for what, text in said.items():
            if not 0 < len(text) <= _TEXT_LIMIT or not text.isprintable():
                raise UsageError(
                    f"A promotion records who and why: --{what} takes one line of 1 to "
                    f"{_TEXT_LIMIT} characters."
                )
        self._registered()  # before the lock, whose file would make the folder
        with self._promoting():
            begun = self._unfinished()
            if begun is not None:
                again = begun.rollback if rollback else self._is(begun.version, choose())
                self._finish(begun)
                if again:  # its job died
                    return begun
            chosen = self.resolve(choose())
            last = last_of(self.history())
            previous = last.version if last else None
            aliases = self._registered().aliases
            if previous == chosen.version:
                by_hand = _stands_for(CHAMPION, aliases) != previous
                put_back = f"Put its alias back: {self._store.command('restore')}"
                raise ConfigError(
                    f"Version {chosen.version} of {self._name} is the champion already. "
                    + (put_back if by_hand else self._shown_aliases(aliases))
                )
            require(chosen)
            champion = previous if last and not last.deleted else None
            objections = [] if rollback else self._objections(chosen, champion)
            if objections and not override:
                blocked = chosen.tags.get(BLOCKED_TAG)
                mend = "Mend it and train again" if blocked else "Review it and promote again"
                raise CheckFailed(
                    f"Version {chosen.version} of {self._name} is not promoted:"
                    + "".join(f"\n  - {objection}" for objection in objections)
                    + f"\n{mend}, or set this aside with --override and a --reason that says why; "
                    "it stays in the history."
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
            self._store.save()
            self._record(promotion)
            self._finish(promotion)
        return promotion

    def _promoting(self) -> AbstractContextManager[None]:
        return exclusive(self._store.folder / ".promotion.lock", "promoting a model", _LOCK_SECONDS)

    def _is(self, version: int, alias_or_version: int | str) -> bool:
        return self._number(alias_or_version, self._registered().aliases) == version

    def _unfinished(self) -> Promotion | None:
        """The last promotion, if its job died after it moved the alias and before it was done."""
        last = next(reversed(self.history()), None)
        if last is None or not last.took_effect:
            return None
        if _stands_for(CHAMPION, self._registered().aliases) != last.version:  # changed by hand
            return None
        champion = self.resolve(last.version)
        done = champion.tags.get(PROMOTED_TAG) == str(last.number)
        return None if done and CHALLENGER not in champion.aliases else last

    def _objections(self, chosen: ModelVersion, champion: int | None) -> list[str]:
        """What stands against using a version in place of the champion; None: there is none."""
        tags = chosen.tags
        review = self._store.command(f"review --version {chosen.version}")
        if STATE_TAG not in tags:
            return [f"no review has looked at it: {review}"]
        found = tags.get(BLOCKED_TAG, "").splitlines()
        if champion is not None and tags.get(COMPARED_TAG) != str(champion):
            found.append(f"it was not compared with the champion, version {champion}: {review}")
        return found

    def _replaced(self) -> int:
        """The champion before this one."""
        history = self.history()
        last = last_of(history)
        if last is None:
            raise ConfigError(
                f"{self._name} has no champion yet. "
                + self._shown_aliases(self._registered().aliases)
            )
        before = replaced_by_last(history)
        if before is None:
            raise ConfigError(
                f"Version {last.version} of {self._name} has no champion before it in the history: "
                "there is none to go back to. Promote another version: " + self._promote("N")
            )
        return before

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
            self._store.save()  # before it is done: a killed job's copy is made by the next
            tags = {STATE_TAG: APPROVED, APPROVED_BY_TAG: promotion.by}
            self._tag(promotion.version, {**tags, PROMOTED_TAG: str(promotion.number)})
            if _stands_for(CHALLENGER, self._registered().aliases) == promotion.version:
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

    def _beside(self) -> list[Promotion]:
        """What the file of the history says; nothing where it cannot be read."""
        try:
            entries = json.loads(self.history_file.read_text(encoding="utf-8"))
            return [Promotion.of(json.dumps(entry)) for entry in entries]
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return []

    def history(self) -> list[Promotion]:
        """All promotions, oldest first; empty when a model is registered and none was promoted."""
        registered = self._registered()
        tags, aliases = registered.tags, registered.aliases
        keys = sorted(key for key in tags if key.startswith(_PROMOTION_TAG))
        if not keys:
            return []
        try:
            records = [Promotion.of(tags[key]) for key in keys]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._unreadable(f"a record of a promotion cannot be read ({error})") from error
        with self._store.errors():
            versions = self._store.client().search_model_versions(f"name='{self._name}'")
        tags_of = {int(version.version): version.tags for version in versions}
        return became(records, _stands_for(CHAMPION, aliases), tags_of)

    def _find(self) -> Any:
        """MLflow's entity of the registered model, aliases and tags included; None without one."""
        if not self._store.exists():
            return None
        client = self._store.client()
        with self._store.errors():
            from mlflow.exceptions import MlflowException

            try:
                found = client.get_registered_model(self._name)
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
        for alias, version in found.aliases.items():
            if not str(version).isdecimal():
                raise self._unreadable(f"the alias {alias} stands for {version!r}")
        return found

    def _unreadable(self, what: str) -> ConfigError:
        """The error for something in the store that the program did not write so."""
        return ConfigError(
            f"{self._store.shown} was edited or damaged: {what}. Go back to its newest copy: "
            + self._store.command(f"restore --copy {NEWEST}")
        )

    def _registered(self) -> Any:
        """The same; NothingRegistered without one."""
        found = self._find()
        if found is None:
            raise NothingRegistered(
                f"No model {self._name} is registered in {self._store.shown}. "
                f"Train one first: {self._store.command('train')}"
            )
        return found

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
            return f"It has no aliases; train a version first: {self._store.command('train')}"
        listed = ", ".join(f"{name} (version {aliases[name]})" for name in sorted(aliases))
        return f"Aliases: {listed}. To put a version into use: " + self._promote("N")

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


def _stands_for(alias: str, aliases: Mapping[str, str]) -> int | None:
    """The version that an alias stands for; None where there is no such alias."""
    return int(aliases[alias]) if alias in aliases else None


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 in hex of every file under `folder`, by its relative name with forward slashes."""
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
