"""The catalogue of faults, and how `make faults` reports on the tests that are named after them.

A test that shows a fault has `fault_<number>` in its name or in the name of its case, one that
shows several `fault_<number>_<number>`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

FAULTS: Mapping[int, tuple[str, str]] = {
    1: ("a byte-order mark before UTF-8", "the same result as without"),
    2: ("cp1252 or UTF-16 bytes", "file and byte named; says to set `encoding`"),
    3: ("semicolons, decimal commas", "the header as seen; says to set `delimiter` or `decimal`"),
    4: ("a ragged row", "its line is named; no row is dropped silently"),
    5: ("zero bytes, or a header alone", "0 rows, and how many are needed"),
    6: ("Parquet that is cut off, or compressed with Brotli", "refused, with what to do"),
    7: ("a column twice", "refused"),
    8: ("a column missing, too many, or of another type", "nearest name; warning; refused"),
    9: ("NUL or control characters in ids", "refused"),
    10: ("a file missing, or changing while it is read", "66; 75"),
    11: ("an id such as 00123", "stays text"),
    12: ("an id such as NA, null or nan", "stays text; only the empty text is missing"),
    13: ("keys without a value", "set aside with the reason; too many are refused"),
    14: ("repeated lines; versions that contradict each other", "counted, dropped on request; 65"),
    15: ("negative amounts", "returns: counted, netted apart, never dropped"),
    16: ("several currencies", "listed and refused"),
    17: ("rows after as_of or complete_until; a stale extract", "counted; set aside; refused"),
    18: ("mixed offsets, naive times, a daylight-saving gap", "by the declared zone, always alike"),
    19: ("03/04/2025", "a format has to be declared; never guessed"),
    20: ("1e309, infinities, absurd magnitudes", "set aside, counted"),
    21: ("resolved or responded to before opened", "set aside, counted"),
    22: ("a feature that was known in training and is null now", "`score` refuses and names it"),
    23: ("a text of a million characters", "set aside, counted"),
    24: ("features in another order", "taken by name; the same result"),
    25: ("a category that was never seen", "only a name; severities: counted, missing, gated"),
    26: ("a model file cut off or edited", "refused by its hash before it is parsed"),
    27: ("a pickled model in the registry", "78, nothing of it is run; says to train again"),
    28: ("an alias missing, or moved during the run", "78 with those there are; the first counts"),
    29: ("a model of other features", "the differences are listed"),
    30: ("MLflow is down", "bounded tries, 69; what was trained is kept in a folder"),
    31: ("a measure that is NaN", "the promotion is refused"),
    32: ("kill -9 at any moment of any command", "all whole; the next run completes"),
    33: ("SIGTERM", "the run is marked KILLED, nothing temporary stays, not 0"),
    34: ("two first uses of one store", "both succeed"),
    35: ("two jobs for one key", "75 names the holder and its start; a dead one's lock is free"),
    36: ("the same inputs again; others", "nothing new, 0, the same bytes; a new revision"),
    37: ("disk full, or read-only", "73; nothing temporary stays"),
    38: ("the database connection is lost", "as before, 69; a rerun converges"),
    39: ("names that begin with = + - @, tab or CR", "text in CSV and XLSX; numbers stay numbers"),
    40: ("quotes, semicolons, comments in identifiers", "quoted or refused, never run"),
    41: ("a command in AS_OF, through make", "64, nothing is run"),
    42: ("../.. in names of runs, outputs, accounts", "stays under the root"),
    43: ("YAML tags, keys twice, unknown keys", "78"),
    44: ("a password in a connection string", "in no message, log, artifact or manifest"),
    45: ("names of people", "only pseudonyms and sums in MLflow; escaped in HTML"),
    46: ("a foreign host or origin at the UI", "refused; it listens on loopback alone"),
    47: ("a sorted export that broke off", "65: accounts and rows then and now; nothing published"),
    48: ("a region, branch or owner missing", "65, the value named"),
    49: ("a rolling window of 100 days", "65: the first day then and now"),
    50: ("the same file twice in a folder; rows twice", "65, both files named; counted, 65"),
    51: ("a growing firm loses accounts", "65: compared with the last publication, too"),
    52: ("a source taken out of the config", "said; in the manifest"),
    53: ("a file of a publication missing, cut or edited", "named, and published anew"),
    54: ("the same in the publication before", "named, and not compared with"),
    55: ("latest.json broken, or naming what is not there", "rewritten"),
    56: ("manifest.json broken, edited or gone", "that publication is named and set aside"),
    57: ("a copy made by hand among the publications", "left alone"),
    58: ("mlflow.db garbled, cut, emptied or gone", "78; `restore` brings back the last copy"),
    59: ("an installation that was moved or copied", "78 from every command; `restore` adopts it"),
    60: ("`score --model` of another version than the promoted", "published under trials/"),
    61: ("the alias champion moved by hand", "78; how to put it back or to promote"),
    62: ("a version deleted by hand", "the history says so; 78; how to go on"),
    63: ("promoting a version that the config cannot score with", "78; nothing is promoted"),
    64: ("secrets in addresses and in the environment", "in no message, log or traceback"),
    65: ("a mapping that reads what the engine holds", "refused: it reads its inputs alone"),
    66: ("now(), random() in a mapping or a family", "refused when it is loaded"),
    67: ("characters that nobody sees", "refused in ids, replaced in texts, shown as escapes"),
    68: ("formulas behind blanks, ; or line ends, or of full width", "text in CSV and XLSX"),
    69: ("a table of a server is locked", "said; 69 after `lock_timeout` or 30 s"),
    70: ("100,000 columns or keys; the year 1; a pipe or a device", "refused at once, named"),
    71: ("an artifact of a run replaced through the local UI", "refused"),
    72: ("a umask of 077, 027, 022 or 002", "folders and files are as it says"),
    73: ("one extract, scored as of two days in a row", "the calendar alone: less than a point"),
    74: ("amount and margin swapped; another company's orders", "65: figures then and now"),
    75: ("standard error closed; no memory left", "it works; 69 names the limit"),
    76: ("a sink or a connection with another encoding", "texts read back the same"),
    77: ("a server changes between the reading of two tables", "all are of one moment"),
    78: ("a time such as infinity or of the year 294276", "its row is set aside, counted"),
    79: ("a sink that drops or changes rows", "read back; rolled back, 69"),
    80: ("a connection cut at COMMIT", "looked at again; what the table holds is said"),
    81: ("a sink that is an SQL_ASCII database", "works"),
    82: ("a family of one's own that ends the program", "78 with file, line and family"),
    83: ("SIGTERM late in train", "the version without a review is said"),
    84: ("paths with quotes, %, #, ? or a byte that is no text", "they work, or 78 at once"),
}
"""By number: the case, and what happens."""

_NUMBERS = re.compile(r"fault_(\d+(?:_\d+)*)")
_WORST = ("failed", "error", "passed", "skipped")


def numbers_of(test: str) -> list[int]:
    """The faults that a test shows, by the test's id."""
    found = _NUMBERS.search(test)
    return [int(number) for number in found[1].split("_")] if found else []


def pytest_addoption(parser: Any) -> None:
    """Add `--faults`: the table at the end, and a failure where a fault has no test that passed."""
    parser.addoption("--faults", action="store_true", help="print the catalogue, case by case")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print each fault with how many of its tests ended how."""
    if not terminalreporter.config.getoption("faults", False):
        return
    ended = _ended(terminalreporter.stats)
    terminalreporter.section("faults")
    for number, (case, says) in FAULTS.items():
        counts = ended[number]
        outcome = next((state for state in _WORST if counts[state]), "no test")
        told = ", ".join(f"{counts[state]} {state}" for state in _WORST if counts[state])
        terminalreporter.line(f"{number:>2}  {outcome:<8}{case}: {says}  [{told}]")
    held = _held(ended)
    terminalreporter.line(f"{held} of {len(FAULTS)}")


def pytest_sessionfinish(session: Any) -> None:
    """Fail where `--faults` is asked for and not every fault is held."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not session.config.getoption("faults", False):
        return
    if _held(_ended(reporter.stats)) < len(FAULTS):
        session.exitstatus = session.exitstatus or 1


def _held(ended: Mapping[int, Counter[str]]) -> int:
    """How many faults have tests that passed, and none that did not."""
    counts = [ended[number] for number in FAULTS]
    return sum(c["passed"] > 0 and not c["failed"] and not c["error"] for c in counts)


def _ended(stats: Mapping[str, list[Any]]) -> Mapping[int, Counter[str]]:
    ended: dict[int, Counter[str]] = defaultdict(Counter)
    for state in _WORST:
        for report in stats.get(state, ()):
            for number in numbers_of(report.nodeid):
                ended[number][state] += 1
    return ended
