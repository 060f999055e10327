"""What differs between two versions: choices, features, data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.tracking.stored_runs import StoredRun
from pipeline.wording import counted, listed

_ABSENT = "not set"
_OF_THE_DATA = "data."


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same. champion, challenger: as recorded, or in words."""

    what: str
    champion: str
    challenger: str


def differences(
    challenger: StoredRun,
    champion: StoredRun,
    definitions: Mapping[str, str],
    old_definitions: Mapping[str, str],
) -> list[Difference]:
    """Everything recorded that differs, the program first, then choices, features and data.

    definitions, old_definitions: of both models' features, a digest by name.
    """
    return [
        *_tags(challenger, champion),
        *_params(challenger, champion),
        *_features(definitions, old_definitions),
        *_data(challenger, champion),
    ]


def _tags(new: StoredRun, old: StoredRun) -> Iterator[Difference]:
    for tag in ("code_version", "lock_sha256"):
        pair = [run.tags.get(tag, _ABSENT) for run in (old, new)]
        if pair[0] != pair[1]:
            yield Difference(tag, *pair)


def _params(new: StoredRun, old: StoredRun) -> Iterator[Difference]:
    names = sorted({*new.params, *old.params}, key=lambda n: (n.startswith(_OF_THE_DATA), n))
    for name in names:
        pair = [run.params.get(name, _ABSENT) for run in (old, new)]
        if pair[0] != pair[1]:
            yield Difference(name, *pair)


def _features(new: Mapping[str, str], old: Mapping[str, str]) -> Iterator[Difference]:
    added, gone = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    other = sorted(name for name in new.keys() & old.keys() if new[name] != old[name])
    if added:
        yield Difference(f"features added: {listed(added, 10)}", "", counted(len(added), "feature"))
    if gone:
        yield Difference(f"features gone: {listed(gone, 10)}", counted(len(gone), "feature"), "")
    if other:
        yield Difference(f"features defined otherwise: {listed(other, 10)}", "before", "now")


def _data(new: StoredRun, old: StoredRun) -> Iterator[Difference]:
    for name in sorted({*new.data, *old.data}):
        pair = [_files(run.data.get(name)) for run in (old, new)]
        if pair[0] != pair[1]:
            yield Difference(f"files of {name}, SHA-256", *pair)


def _files(digests: frozenset[str] | None) -> str:
    return _ABSENT if not digests else listed(sorted(d[:12] for d in digests), 3)
