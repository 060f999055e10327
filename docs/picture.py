"""Renews the pictures of what `make demo` has left, in Chromium. Run by `make pictures`.

In docs/pictures: call_list.png is the newest list, call_list_card.png the card of its first account,
mlflow_review.png the review of the newest version in the MLflow UI, mlflow_version.png its page.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.tracking.runs import Tracking

ROOT = Path(__file__).resolve().parents[1]
SCORES = ROOT / "var" / "demo" / "scores"
PICTURES = ROOT / "docs" / "pictures"


def main() -> int:
    """Take the pictures; 66 where there is no list yet, 69 where there is no Chromium."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        print("Chromium is needed: apt-get install chromium", file=sys.stderr)
        return 69
    latest = SCORES / "latest.json"
    if not latest.exists():
        print(f"{latest} is not there; run `make demo` first", file=sys.stderr)
        return 66
    folder = SCORES / json.loads(latest.read_text(encoding="utf-8"))["path"]
    with (folder / "call_list.csv").open(encoding="utf-8-sig", newline="") as file:
        account = next(csv.DictReader(file))["account_id"]
    page = (folder / "call_list.html").as_uri()
    _take(program, page, "1400,720", PICTURES / "call_list.png")
    _take(program, f"{page}#account={account}", "761,900", PICTURES / "call_list_card.png")
    _take_the_ui(program)
    return 0


def _take_the_ui(program: str) -> None:
    """Start the UI over the demo's store, take its pages, and end it."""
    store = Tracking(ROOT / "var" / "mlflow", "demo", "demo")
    newest = store.registry.newest()
    ui = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "ui", "--config", "configs/demo.yaml"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert ui.stdout is not None
        said = ui.stdout.readline()
        runs = said.removeprefix("MLflow UI: ").partition("?")[0]
        front = runs.partition("#")[0]
        _take(
            program,
            f"{runs}/{newest.run_id}/artifacts/review.html",
            "1600,1000",
            PICTURES / "mlflow_review.png",
            seconds=20,
        )
        _take(
            program,
            f"{front}#/models/demo/versions/{newest.version}",
            "1600,1000",
            PICTURES / "mlflow_version.png",
            seconds=20,
        )
    finally:
        ui.send_signal(signal.SIGINT)
        ui.wait(30)


def _take(program: str, address: str, size: str, picture: Path, seconds: int = 0) -> None:
    """seconds: to give to a page that fetches what it shows."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                program,
                "--headless=new",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-prefers-reduced-motion",
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
                f"--user-data-dir={profile}",
                f"--window-size={size}",
                *([f"--virtual-time-budget={seconds * 1000}"] if seconds else []),
                f"--screenshot={picture}",
                address,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    print(f"Written to {picture.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
