"""`make audit` against a service of advisories on loopback, through the real pip-audit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from audit import EXCEPTIONS, FOUND, LOCK, UNREACHABLE, exceptions, main

PINNED = "--hash=sha256:" + "0" * 64
WEAK = {
    "id": "GHSA-weak",
    "aliases": ["CVE-2024-37056"],
    "summary": "runs what it loads",
    "affected": [{"package": {"name": "mlflow", "ecosystem": "PyPI"}, "versions": ["3.17.2"]}],
}


class Advisories(BaseHTTPRequestHandler):
    """Knows of one weakness, of mlflow, and answers nothing for `unheard-of`."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = asked["package"]["name"]
        self.send_response(500 if name == "unheard-of" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"vulns": [WEAK]} if name == "mlflow" else {}).encode())

    def log_message(self, *arguments: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Advisories) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(f"mlflow==3.17.2 {PINNED}\nduckdb==2.0.0 {PINNED}\n")
    return path


def excepted(folder: Path, **changes: object) -> list[str]:
    entry = {"id": "CVE-2024-37056", "package": "mlflow", "reason": "not loaded so"}
    entry |= {"reviewed": str(date.today())} | changes
    path = folder / "exceptions.yaml"
    path.write_text("- {" + ", ".join(f"{k}: {v}" for k, v in entry.items()) + "}\n")
    return ["--exceptions", str(path)]


@pytest.mark.long
@pytest.mark.starts_process
def test_a_finding_fails_and_an_exception_with_a_reason_answers_it(
    service, lock, tmp_path, capsys
) -> None:
    (tmp_path / "none.yaml").write_text("")
    asked = ["--osv", service, "--lock", str(lock)]
    assert main([*asked, "--exceptions", str(tmp_path / "none.yaml")]) == FOUND
    said = capsys.readouterr().out
    assert "mlflow 3.17.2: CVE-2024-37056, GHSA-weak; mended in: none yet" in said
    assert main([*asked, *excepted(tmp_path)]) == 0
    assert "2 packages, 0 findings, 1 exceptions" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.starts_process
def test_an_exception_ends_and_has_to_find_something(service, lock, tmp_path, capsys) -> None:
    asked = ["--osv", service, "--lock", str(lock)]
    old = date.today() - timedelta(days=400)
    assert main([*asked, *excepted(tmp_path, reviewed=old)]) == FOUND
    assert "mlflow: the exception of CVE-2024-37056 was until" in capsys.readouterr().out
    lock.write_text(f"duckdb==2.0.0 {PINNED}\n")
    assert main([*asked, *excepted(tmp_path)]) == FOUND
    assert "excepted and not found any more: take it out" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.starts_process
def test_a_service_that_fails_or_does_not_answer_is_no_clean_bill(
    service, lock, tmp_path, capsys
) -> None:
    lock.write_text(lock.read_text() + f"unheard-of==1.0 {PINNED}\n")
    assert main(["--osv", service, "--lock", str(lock)]) != 0
    assert main(["--osv", "http://127.0.0.1:9/", "--lock", str(lock)]) == UNREACHABLE
    assert "nothing is known of any package" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes", [{"reason": "''"}, {"until": date.today() + timedelta(days=400)}]
)
def test_an_exception_has_a_reason_and_ends_within_a_year(tmp_path, changes) -> None:
    _, path = excepted(tmp_path, **changes)
    with pytest.raises(ValueError, match="needs a reason, and an end within a year"):
        exceptions(Path(path).read_text())


def test_the_reviewed_exceptions_are_whole_and_of_locked_packages() -> None:
    known = exceptions(EXCEPTIONS.read_text())
    locked = LOCK.read_text()
    assert known
    for exception in known:
        assert f"\n{exception.package}==" in locked
