"""Renews the pictures of the call list from what `make demo` has published, in Chromium.

docs/pictures/call_list.png is the newest list, call_list_card.png the card of its first account.
Run by `make pictures`.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

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
    return 0


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
