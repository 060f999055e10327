"""A folder of a file system that several machines reach, such as HDFS or an object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import ServiceUnavailable

_HADOOP = {"s3": "s3a"}  # what Spark calls the file systems that Arrow calls otherwise


@dataclass(frozen=True)
class Mirror:
    """What a folder of this machine has, at an address: s3://bucket/folder, hdfs://..., file:///...

    Paths below it are relative and have slashes. ServiceUnavailable where it does not answer.
    """

    address: str

    @property
    def for_spark(self) -> str:
        """The address as Spark writes it."""
        scheme, _, rest = self.address.partition("://")
        return f"{_HADOOP.get(scheme, scheme)}://{rest}"

    def put(self, place: Path, path: str) -> None:
        """Copy a file or a folder of this machine to a path; a file is there whole or not at all.

        Several may put the same file. The same folder, only one, and nobody fetches it before.
        """
        with self._reached() as (there, root):
            target = begun = f"{root}/{path}"
            there.create_dir(target if place.is_dir() else target.rpartition("/")[0])
            if place.is_file():
                begun = f"{target}.{uuid4().hex}"
            fs.copy_files(str(place), begun, fs.LocalFileSystem(), there)
            if begun != target:
                there.move(begun, target)

    def fetch(
        self, path: str, folder: Path, wanted: Callable[[str], bool] = lambda path: True
    ) -> None:
        """Copy the wanted files below a path to the same paths below a folder of this machine."""
        with self._reached() as (there, root):
            for file in there.get_file_info(fs.FileSelector(f"{root}/{path}", recursive=True)):
                below = file.path.removeprefix(f"{root}/")
                if file.is_file and wanted(below):
                    place = folder / below
                    place.parent.mkdir(parents=True, exist_ok=True)
                    fs.copy_files(file.path, str(place), there, fs.LocalFileSystem())

    def remove(self, path: str = "") -> None:
        """Remove a folder and all below it, if it is there; without a path, all of it."""
        with self._reached() as (there, root):
            place = f"{root}/{path}".rstrip("/")
            if there.get_file_info(place).type != fs.FileType.NotFound:
                there.delete_dir(place)

    @contextmanager
    def _reached(self) -> Iterator[tuple[fs.FileSystem, str]]:
        """The file system and the place on it."""
        try:
            there, root = fs.FileSystem.from_uri(self.address)
            yield there, root.rstrip("/")
        except (OSError, pa.ArrowException) as error:
            raise ServiceUnavailable(
                f"`engine.work_folder` {self.address}: {error}. It should be an address that this "
                "machine and every executor reach, with the same rights to read and write."
            ) from error
