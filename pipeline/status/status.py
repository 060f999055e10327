"""Looks at an installation and says of each part what state it is in, and what to do; reads only.

Every publication is compared with its hashes, the champion's files with those registered, the
SQLite file of the store with itself. Nothing is repaired here: `score` publishes anew what is
damaged, `restore` repairs the store.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from models.errors import ModelError
from pipeline.config import Config
from pipeline.errors import ConfigError, DataError, DefectionError, MissingInput
from pipeline.output_files import short
from pipeline.scoring import last_attempt
from pipeline.scoring.last_attempt import REFUSED
from pipeline.scoring.next_list import next_list
from pipeline.scoring.publication import (
    LATEST,
    MEANING,
    REPLAYS,
    SCORES,
    TRIALS,
    damage,
    date_of,
    newest,
    pointer,
    publications,
    read_manifest,
    read_pointer,
)
from pipeline.scoring.score import require_scorable
from pipeline.status.known_files import MONITORS, ROOTS, strangers
from pipeline.tracking.runs import open_tracking
from pipeline.wording import counted, listed

_REFUSALS = (DataError.exit_code, MissingInput.exit_code, ConfigError.exit_code)
_NAMED = 5  # files that are not ours
_END = re.compile(r"(?<!\b[A-Z])(?<!\bDr)(?<!\bProf)(?<!\bMr)(?<!\bMrs)\. ")  # of a sentence


@dataclass(frozen=True)
class Line:
    """One part: what it is, its state, what to do. wrong: late or damaged."""

    what: str
    state: str
    do: str = ""
    wrong: bool = False


def status(config: Config, now: datetime) -> list[Line]:
    """Look at the store, the champion, all publications, the last attempt and the files beside.

    now: with a time zone; what late is measured against.
    """
    there = {
        root: {one: damage(one) for one in publications(config.output / root)}
        for root in (*ROOTS, *MONITORS)
    }
    lists = [one for one, why in there[SCORES].items() if not why]
    store = [*_of_store(config)]
    said = {line.state for line in store}
    return [
        *store,
        *(line for line in _of_champion(config) if line.state not in said),
        *(line for root, found in there.items() for line in _of_publications(config, root, found)),
        *_of_next_list(config, newest(lists), now),
        *_of_last_attempt(config, newest(lists)),
        *_of_strangers(config),
    ]


def lines(found: list[Line]) -> Iterator[str]:
    """The answer as a table."""
    rows = [("", "what", "state", "what to do")]
    rows += [("!" if line.wrong else "", line.what, line.state, line.do) for line in found]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for mark, what, state, do in rows:
        head = f"{mark:<1} {what:<{widths[1]}}  {state}"
        if "\n" in do or (do and len(state) + len(do) > 100):  # too long for one line
            yield head
            yield from (f"  {'':<{widths[1]}}    {part}" for part in do.split("\n"))
        else:
            yield f"{head}  {do}".rstrip()


def _of_store(config: Config) -> Iterator[Line]:
    store = open_tracking(config)
    try:
        yield Line("store", store.state())
        if why := store.registry.record_beside():
            do = f"defection restore --config {_quoted(config.path)}"
            yield Line("history", why, do, wrong=True)
    except DefectionError as error:
        yield _refused("store", error)
    for copy, why in store.damaged_copies().items():
        yield Line(f"copy {copy.name}", why, f"delete it: rm {_quoted(copy)}", wrong=True)


def _of_champion(config: Config) -> Iterator[Line]:
    registry = open_tracking(config).registry
    try:
        version = registry.in_use()
        require_scorable(config, registry, version)
        last = registry.last_promotion()
    except (DefectionError, ModelError) as error:
        yield _refused("champion", error)
    else:
        by = f", promoted on {last.at[:10]} by {last.by}" if last else ""
        yield Line("champion", f"version {version.version} of {config.tracking.model_name}{by}")


def _of_publications(config: Config, root: str, there: Mapping[Path, str]) -> Iterator[Line]:
    """there: what is wrong with each publication under the root; empty where it is whole."""
    folder = config.output / root
    damaged = {one: why for one, why in there.items() if why}
    whole = [one for one in there if one not in damaged]
    if there or root == SCORES:
        yield Line(root, f"{counted(len(whole), 'publication')} whole")
    for one, why in damaged.items():
        place = f"{root}/{one.relative_to(folder)}"
        if after := [other for other in whole if _replaces(other, one)]:
            said = f"damaged ({why}), replaced by {after[-1].relative_to(one.parents[1])}"
            yield Line(place, said, f"nothing; or delete it: rm -r {_quoted(one)}")
        else:
            yield Line(place, f"damaged: {why}", _again(config, root, one), wrong=True)
    if whole and (latest := newest(whole)) is not None:
        said_now = read_pointer(folder / LATEST)
        named = folder / str(said_now.get("path"))
        if said_now != pointer(latest) and named not in damaged:  # that line says what to do
            state = "names another list than the newest" if said_now else "cannot be read"
            do = f"rewrite it: {_command(config, root, latest)}"
            yield Line(f"{root}/{LATEST}", state, do, wrong=root == SCORES)
        if root == SCORES:
            yield from _of_changes(config, whole, latest)


def _of_changes(config: Config, whole: Sequence[Path], latest: Path) -> Iterator[Line]:
    """Whether the newest list counts its changes from an older one than that before it."""
    manifest = read_manifest(latest)
    meaning = manifest.get(MEANING)
    earlier = (one for one in whole if date_of(one) < date_of(latest))
    before = newest(one for one in earlier if read_manifest(one).get(MEANING, meaning) == meaning)
    if before is not None and (manifest["previous_as_of"] or "") < before.parents[1].name:
        said = f"its changes are not counted from {before.parents[1].name}, which is there now"
        do = f"publish it again: {_command(config, SCORES, latest)}"
        yield Line(f"{SCORES}/{latest.parents[1].name}", said, do)


def _replaces(other: Path, one: Path) -> bool:
    """Whether a whole publication stands for a damaged one of the same date."""
    if other.parent == one.parent:
        return int(other.name.removeprefix("revision=")) > int(one.name.removeprefix("revision="))
    return other.parents[1] == one.parents[1]


def _again(config: Config, root: str, folder: Path) -> str:
    return (
        f"publish it again: {_command(config, root, folder)}\n"
        f"or bring the folder back from a backup, or delete it: rm -r {_quoted(folder)}"
    )


def _command(config: Config, root: str, folder: Path) -> str:
    """The command that published, and would publish again."""
    name = "monitor" if root in MONITORS else "score"
    version = folder.parent.name.removeprefix("model_version=")
    options = {REPLAYS: f" --replay --model {version}", TRIALS: f" --model {version}"}
    option = options.get(root.split("/")[0], "")
    return f"defection {name} --as-of {date_of(folder)}{option} --config {_quoted(config.path)}"


def _of_next_list(config: Config, last: Path | None, now: datetime) -> Iterator[Line]:
    every = f"by scoring.every: {config.scoring.every}"
    if last is None:
        do = f"defection score --as-of YYYY-MM-DD --config {_quoted(config.path)}"
        yield Line("next list", "there is no list yet", do, wrong=True)
        return
    after = next_list(config, date_of(last))
    today = now.astimezone(ZoneInfo(config.timezone)).date()
    do = f"defection score --as-of {max(today, after.as_of)} --config {_quoted(config.path)}"
    if now >= after.late:
        late = counted((now - after.due).days, "day")
        said = f"late: it was due on {after.as_of}, {late} ago, {every}"
        yield Line("next list", said, do, wrong=True)
    elif now >= after.due:
        yield Line("next list", f"due since {after.as_of}, {every}", do)
    else:
        yield Line("next list", f"due on {after.as_of}, {every}")


def _of_last_attempt(config: Config, last: Path | None) -> Iterator[Line]:
    """The attempt at a list that failed after the last one was published.

    It says why a list is late, and is not wrong by itself.
    """
    file = config.output / SCORES / REFUSED
    attempt = last_attempt.read(file.parent)
    if attempt is None:
        if file.exists():
            what = f"{SCORES}/{REFUSED}"
            yield Line(what, "cannot be read, and is ignored", f"delete it: rm -r {_quoted(file)}")
        return
    if last is not None and date_of(last) >= attempt.as_of:
        published = datetime.fromisoformat(read_manifest(last)["published_at"])
        if published > attempt.at:
            return
    at = attempt.at.astimezone(ZoneInfo(config.timezone))
    more = f" (and {counted(attempt.further, 'further line')})" if attempt.further else ""
    how = "refused" if attempt.exit_code in _REFUSALS else "failed"
    yield Line(
        "last attempt",
        f"{how} on {at:%Y-%m-%d at %H:%M}, as of {attempt.as_of}, with exit code "
        f"{attempt.exit_code}: {attempt.why}{more}",
        "see all of it, without writing anything: defection score --as-of "
        f"{attempt.as_of} --dry-run --config {_quoted(config.path)}",
    )


def _of_strangers(config: Config) -> Iterator[Line]:
    if found := strangers(config):
        names = listed((short(path) for path in found), _NAMED)
        yield Line("other files", f"{counted(len(found), 'file')} of others: {names}", "nothing")


def _refused(what: str, error: Exception) -> Line:
    """What an error says: the state up to the end of its first sentence, then what to do.

    "Dr.", an initial and the like end none.
    """
    state, *do = _END.split(str(error), maxsplit=1)
    return Line(what, state, " ".join(do), wrong=True)


def _quoted(path: Path) -> str:
    return shlex.quote(short(path))
