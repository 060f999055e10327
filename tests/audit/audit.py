"""Asks whether a locked package has a known weakness: `make audit`.

pip-audit looks up every package of the lock at OSV. A finding is answered by another version, or
by an exception with a reason and a date in exceptions.yaml. Exit codes: 0 nothing that is not
excepted, 1 a finding or a package that could not be looked up, 69 the advisories cannot be reached,
so that nothing is known.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
EXCEPTIONS = HERE / "exceptions.yaml"
LOCK = ROOT / "requirements-dev.lock"
OSV = "https://api.osv.dev/v1/query"
LONGEST = timedelta(days=365)
FOUND, UNREACHABLE = 1, 69


@dataclass(frozen=True)
class Excepted:
    """A weakness that does not reach us: why, and until when that was looked at."""

    id: str
    package: str
    reason: str
    reviewed: date
    until: date

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Excepted:
        """Read it from the file; ValueError where a field is missing or the end is too far off."""
        last = entry["reviewed"] + LONGEST
        until = entry.get("until", last)
        if until > last or not str(entry["reason"]).strip():
            raise ValueError(f"{entry['id']}: needs a reason, and an end within a year")
        return cls(entry["id"], entry["package"], entry["reason"], entry["reviewed"], until)


def exceptions(text: str) -> list[Excepted]:
    """The reviewed exceptions; ValueError or KeyError where one is not whole."""
    return [Excepted.of(entry) for entry in yaml.safe_load(text) or ()]


def judged(report: Mapping[str, Any], excepted: Sequence[Excepted], today: date) -> Iterator[str]:
    """What is wrong, as sentences. report: pip-audit's, as JSON."""
    by_id = {(known.package, known.id): known for known in excepted}
    used = set()
    for package in report["dependencies"]:
        name = package["name"]
        if "skip_reason" in package:
            yield f"{name} could not be looked up: {package['skip_reason']}"
        for found in package.get("vulns", ()):
            ids = [found["id"], *found.get("aliases", ())]
            known = next((by_id[name, i] for i in ids if (name, i) in by_id), None)
            used.add(known)
            if known is None:
                fixed = ", ".join(found.get("fix_versions", ())) or "none yet"
                yield f"{name} {package['version']}: {', '.join(ids)}; mended in: {fixed}"
            elif known.until < today:
                yield f"{name}: the exception of {known.id} was until {known.until}: look again"
    for known in excepted:
        if known not in used:
            yield f"{known.package}: {known.id} is excepted and not found any more: take it out"


def is_unreachable(report: Mapping[str, Any]) -> bool:
    """Whether no package at all could be looked up."""
    return all("skip_reason" in package for package in report["dependencies"])


def looked_up(lock: Path, address: str) -> dict[str, Any] | None:
    """pip-audit's report on a lock; None where the advisories do not answer."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip"]
    command += ["--require-hashes", "--format", "json", "--progress-spinner", "off"]
    command += ["--vulnerability-service", "osv", "--osv-url", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        print("".join(done.stderr.strip().splitlines()[-1:]), file=sys.stderr)
        return None
    report: dict[str, Any] = json.loads(done.stdout)
    return None if is_unreachable(report) else report


def main(arguments: Sequence[str] | None = None) -> int:
    """Look every locked package up, and say what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", type=Path, default=LOCK)
    parser.add_argument("--osv", default=OSV, help="the address of the advisories")
    parser.add_argument("--exceptions", type=Path, default=EXCEPTIONS)
    asked = parser.parse_args(arguments)
    excepted = exceptions(asked.exceptions.read_text(encoding="utf-8"))
    report = looked_up(asked.lock, asked.osv)
    if report is None:
        print(f"{asked.osv} does not answer: nothing is known of any package", file=sys.stderr)
        return UNREACHABLE
    wrong = [*judged(report, excepted, date.today())]
    for sentence in wrong:
        print(sentence)
    packages = len(report["dependencies"])
    print(f"{packages} packages, {len(wrong)} findings, {len(excepted)} exceptions")
    return FOUND if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
