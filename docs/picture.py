"""Renews the pictures of what `make demo` has left, in Chromium. Run by `make pictures`.

In docs/pictures: call_list.png is the newest list, call_list_card.png the card of its first
account; mlflow_review.png the review of the newest version in the MLflow UI, mlflow_version.png the
page of that version.
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
import time
from pathlib import Path

from pipeline.tracking.runs import Tracking

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import chromium, programs  # noqa: E402

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
    _take_the_ui()
    return 0


def _take_the_ui() -> None:
    """Start the UI over the demo's store, take its pages, and end it."""
    newest = Tracking(ROOT / "var" / "mlflow", "demo", "demo").registry.newest()
    ui = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "ui", "--config", "configs/demo.yaml"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = programs()
    try:
        assert ui.stdout is not None and found is not None
        runs = ui.stdout.readline().removeprefix("MLflow UI: ").partition("?")[0]
        front = runs.partition("#")[0]
        pages = {
            "mlflow_review": f"{runs}/{newest.run_id}/artifacts/review.html",
            "mlflow_version": f"{front}#/models/demo/versions/{newest.version}",
        }
        with chromium(found) as browser:
            browser.resize((1500, 1000))
            for name, address in pages.items():
                browser.goto("about:blank")
                browser.goto(address)
                time.sleep(10)
                browser.run(_OURS_ALONE)
                time.sleep(1)
                browser.picture(PICTURES / f"{name}.png")
                print(f"Written to docs/pictures/{name}.png")
    finally:
        ui.send_signal(signal.SIGINT)
        ui.wait(30)


# MLflow's assistant is closed, and where the files lie on this machine is nobody's business.
_OURS_ALONE = """
for (const button of document.querySelectorAll('button[aria-label="Close"]')) button.click();
for (const one of document.querySelectorAll('*'))
  if (!one.children.length && /file:\\/\\//.test(one.textContent)) one.style.visibility = 'hidden';
"""


def _take(program: str, address: str, size: str, picture: Path) -> None:
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
