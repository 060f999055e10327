"""Where MLflow keeps runs and models, how it is reached, and what its failures mean to a user.

By default the store is an SQLite file under the configured tracking folder with the artifacts
beside it; MLFLOW_TRACKING_URI, when set, names another one. Importing MLflow takes seconds and the
first use of a new SQLite store some more, so both wait until the first real use.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import (
    CannotWrite,
    ConfigError,
    DefectionError,
    ServiceUnavailable,
    TryAgain,
)
from pipeline.locks import exclusive
from pipeline.output_files import short
from pipeline.redaction import without_credentials
from pipeline.refusals import why_full
from pipeline.tracking.store_file import NEWEST, StoreFile

# Set before MLflow is imported, and inherited by every process that we start for it; a value that
# the user has set stays. The retries are bounded: MLflow's own defaults wait for minutes.
QUIET_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_UV_AUTO_DETECT": "false",  # or the working directory's lock file goes into the model
}
_DATABASE_ATTEMPTS = 4  # within 1.1 seconds
_FIRST_USE_SECONDS = 300  # how long a second process waits while a first creates the tables

_SERVER_SCHEMES = ("http://", "https://", "databricks")
_UNREADY_CODES = {
    "TEMPORARILY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
}
_REFUSED_CODES = {"PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED", "UNAUTHENTICATED"}
_DAMAGED = re.compile(
    r"disk image is malformed|not a database|no such (table|column)|unexpected state"
)
_NO_WRITE_ERRNOS = {errno.EACCES, errno.EPERM}


def _reason(error: Exception) -> str:
    """The gist of a message: the system's own error where it quotes one, else its beginning."""
    text = " ".join(without_credentials(str(error)).split())
    quoted = re.search(r"\[Errno -?\d+\] ([\w ]+)", text)
    return quoted[1] if quoted else text[:300]


def _named_address() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip()


class Store:
    """One MLflow store, reached on first use.

    folder: the tracking folder; holds `mlflow.db`, `artifacts/` and the locks. config: the file
    that messages name in commands. debug: let MLflow and its libraries log what they like.
    """

    def __init__(self, folder: Path, config: Path | None = None, *, debug: bool = False) -> None:
        self.folder = folder.resolve()
        self._config = config
        self._debug = debug
        self._client: Any = None
        self._sound = False  # once it was looked at
        self.file = StoreFile(self.folder, self.command)

    def command(self, words: str) -> str:
        """A command with the config, as a person types it."""
        config = "FILE" if self._config is None else shlex.quote(short(self._config))
        return f"defection {words} --config {config}"

    @property
    def address(self) -> str:
        """The tracking URI, credentials included: MLFLOW_TRACKING_URI, else our SQLite file."""
        return _named_address() or f"sqlite:///{self.file.path}"

    @property
    def is_own(self) -> bool:
        """Whether it is our SQLite file, and nobody named another store."""
        return not _named_address()

    @property
    def shown(self) -> str:
        """The address as it may be shown and logged."""
        return without_credentials(self.address)

    @property
    def is_server(self) -> bool:
        """Whether a tracking server answers, which then decides where artifacts lie."""
        return self.address.startswith(_SERVER_SCHEMES)

    @property
    def artifact_location(self) -> str | None:
        """Where a new experiment's artifacts go; None leaves it to the server."""
        return None if self.is_server else self.file.artifacts

    def exists(self) -> bool:
        """Whether there can be anything to read; only our own SQLite file can be known absent.

        ConfigError where that file is gone, damaged or that of another place.
        """
        if not self.is_own:
            return True
        self._require_sound()
        return self.file.exists()

    def _require_sound(self) -> None:
        """Look at our own file before its first use, and not again."""
        if self.is_own and not self._sound:
            self.file.require_sound()
            self._sound = True

    def save(self) -> None:
        """Copy our own SQLite file; a server's is not ours to copy."""
        if self.is_own:
            self.file.save()

    def restore(self, copy: str = "") -> list[str]:
        """Repair our own SQLite file and return what was done, a sentence each.

        From a copy where the file is damaged, or where one is named; then it is let name the files
        of its own folder, and brought to the schema of the MLflow that is installed. TryAgain while
        a job uses the store.
        """
        if not (copy or self.file.damage() or self.file.exists()):
            raise ConfigError(
                f"There is no MLflow store in {self.folder} yet. Train first: "
                + self.command("train")
            )
        self._require_no_job()
        said = []
        with exclusive(self.folder / ".initialise.lock", "restoring the MLflow store"):
            if copy or self.file.damage():
                said.append(self.file.put_back(copy or NEWEST))
            said.append(self.file.take_over() if self.file.exists() else "")
            said.append(self._migrated() if self.file.exists() else "")
        return [sentence for sentence in said if sentence]

    def _require_no_job(self) -> None:
        for place in (self.folder / ".open_runs").glob("*"):
            with exclusive(place, "restoring the MLflow store"):
                pass

    def _migrated(self) -> str:
        """What was done to bring the file to the schema of the MLflow installed, if anything."""
        self._keep_quiet()
        import mlflow.store.db.utils as database
        from alembic.util.exc import CommandError

        engine = database.create_sqlalchemy_engine(self.address)
        try:
            with self.errors():
                was = database._get_schema_version(engine)
                if was in (None, database._get_latest_schema_revision()):
                    return ""
                self.file.save()
                database._upgrade_db(engine)
        except CommandError as error:
            raise ConfigError(
                f"{self.file.path} was written by a newer MLflow (its schema is {was}). Install "
                "that version, or go back to a copy: " + self.command("restore --copy NAME")
            ) from error
        finally:
            engine.dispose()
        return f"{self.file.path} has the schema of the MLflow that is installed."

    def _other_schema(self) -> ConfigError:
        return ConfigError(
            f"{self.shown} was made by another version of MLflow. "
            + (
                f"Bring it to this one's schema; it is copied before: {self.command('restore')}"
                if self.is_own
                else f"Back it up, then run: mlflow db upgrade {self.shown}"
            )
        )

    def client(self) -> Any:
        """The `MlflowClient` of this store, which is created when it does not exist.

        Raises ServiceUnavailable, CannotWrite, ConfigError.
        """
        if self._client is None:
            self._require_sound()
            # Two first uses at once would both create the tables, and one of them would fail.
            with exclusive(
                self.folder / ".initialise.lock", "preparing the MLflow store", _FIRST_USE_SECONDS
            ):
                self._client = self._connected()
        return self._client

    def _keep_quiet(self) -> None:
        """Set what MLflow reads when it is imported."""
        for name, value in QUIET_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "INFO" if self._debug else "ERROR")
        if not self._debug:
            logging.getLogger("urllib3").setLevel(logging.ERROR)  # one line for every retry

    def _connected(self) -> Any:
        self._keep_quiet()
        import mlflow.store.db.utils
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        mlflow.store.db.utils.MAX_RETRY_COUNT = _DATABASE_ATTEMPTS
        installed = mlflow.store.db.utils._get_latest_schema_revision()
        # Where tables are wanting, MLflow would make them without being asked.
        if self.is_own and self.file.schema() not in ("", installed):
            raise self._other_schema()
        try:
            with self.errors(), self._own_artifact_root():
                client = MlflowClient(tracking_uri=self.address, registry_uri=self.address)
                client.search_registered_models(max_results=1)  # the registry's tables, too
        except (MlflowException, ImportError) as error:
            if self.is_own:
                raise
            raise ConfigError(
                f"MLFLOW_TRACKING_URI names a store that cannot be used, {self.shown} "
                f"({_reason(error)}). Set it to a server (https://...) or a database, install "
                "the Python package that the database needs, or unset it to use the local store."
            ) from error
        return client

    @contextmanager
    def _own_artifact_root(self) -> Iterator[None]:
        """In the block, a new store of ours has its default experiment beside it.

        Else that would lie in the working directory, whose path MLflow cannot write into its
        database where it holds both quotes, or a colon.
        """
        from mlflow.tracking._tracking_service.utils import _SERVER_ARTIFACT_ROOT_ENV_VAR as name

        if self.artifact_location is None or not self.is_own:
            yield
            return
        before = os.environ.get(name)
        os.environ[name] = self.artifact_location
        try:
            yield
        finally:
            del os.environ[name]
            if before is not None:
                os.environ[name] = before

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what MLflow and its libraries raise in the block into errors a user can mend."""
        import requests
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except DefectionError:
            raise
        except (MlflowException, DBAPIError, requests.RequestException, OSError) as error:
            explained = self._explained(error)
            if explained is None:
                raise
            raise explained from error

    def _explained(self, error: Exception) -> DefectionError | None:
        """The error in the user's words; None when it is not the user's or the service's doing."""
        import requests
        from mlflow.exceptions import MlflowException, RestException
        from sqlalchemy.exc import DBAPIError

        shown = self.shown
        whole, said = str(error), _reason(error)
        code = error.error_code if isinstance(error, MlflowException) else ""
        if "readonly database" in whole or "disk is full" in whole:
            return CannotWrite(f"MLflow cannot write to {shown} ({said}). Free or unlock the disk.")
        number = error.errno if isinstance(error, OSError) else None
        if why_full(error) or number in _NO_WRITE_ERRNOS:
            named = error.filename if isinstance(error, OSError) else None
            return CannotWrite(
                f"MLflow cannot write to {named or self.folder} ({said}). Make room there and for "
                "temporary files, TMPDIR, or make it writable."
            )
        if "database is locked" in whole:
            return TryAgain(f"Another job is writing to {shown}. Try again when it has ended.")
        if "out-of-date database schema" in whole:
            return self._other_schema()
        if self.is_own and (isinstance(error, DBAPIError) or _DAMAGED.search(whole)):
            return self.file.broken(said)
        if code in _REFUSED_CODES:
            return ConfigError(
                f"The MLflow server {shown} refuses us ({said}). Set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of a user who may write."
            )
        if (
            "API request to" in whole
            or code in _UNREADY_CODES
            or isinstance(error, DBAPIError | requests.RequestException)
            or (isinstance(error, RestException) and code == "INTERNAL_ERROR")
        ):
            return ServiceUnavailable(
                f"The MLflow store {shown} does not answer ({said}). See that it runs and that "
                "MLFLOW_TRACKING_URI names it; unset the variable to use the local store."
            )
        return None

    @contextmanager
    def as_default(self) -> Iterator[None]:
        """Make this MLflow's own default store in the block, and restore what was there before.

        For the few functions of MLflow that take no client. MLflow copies the address into the
        environment; left there it would be mistaken for the user's choice.
        """
        import mlflow

        before = os.environ.get("MLFLOW_TRACKING_URI")
        mlflow.set_tracking_uri(self.address)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(None)
            if before is not None:
                os.environ["MLFLOW_TRACKING_URI"] = before
