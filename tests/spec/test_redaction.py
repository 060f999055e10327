"""Secrets go out by no way: not by a message, a log, a traceback, nor what a library prints."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from command_line import run_here

from pipeline.console import complain
from pipeline.endings import guarded
from pipeline.redaction import redaction

PASSWORD, TOKEN = "s3cr3t/pw'x", "t0ken-abc"
ADDRESS = f"http://user:{PASSWORD}@127.0.0.1:9/x?token={TOKEN}"
CONFIG = """
name: small
sources: {orders: {path: orders.csv}}
snapshots: {first: 2024-01-01, last: 2024-06-01}
tracking: {folder: mlflow}
"""


@pytest.mark.parametrize("before", [[], ["--debug"], ["--debug", "--log", "json"]])
def test_fault_64_a_store_that_is_away_is_told_without_its_secrets(
    tmp_path: Path, before: list[str]
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)
    done = run_here(
        [*before, "history", "-c", "config.yaml"],
        tmp_path,
        MLFLOW_TRACKING_URI=ADDRESS.replace(PASSWORD, quote(PASSWORD, safe="")),
        MLFLOW_HTTP_REQUEST_MAX_RETRIES="0",
    )
    assert done.returncode == 69
    assert "does not answer" in done.stderr
    assert ("Traceback" in done.stderr) == ("--debug" in before)
    assert "s3cr3t" not in done.stderr + done.stdout
    assert TOKEN not in done.stderr + done.stdout


WAYS = {
    "print": lambda text: print(text, file=sys.stderr),
    "logging": lambda text: logging.StreamHandler().emit(logging.makeLogRecord({"msg": text})),
    "message": complain,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"MLFLOW_TRACKING_URI": ADDRESS}, f"cannot reach {ADDRESS}/api"),
        ({"MLFLOW_TRACKING_URI": ADDRESS}, f"of user {PASSWORD!r}"),
        ({"MLFLOW_TRACKING_TOKEN": PASSWORD}, f"header {PASSWORD}"),
        ({"PGPASSWORD": PASSWORD}, f"password was {PASSWORD}, refused"),
        ({"CRM_URL": "postgresql://u:s3cr3t%2Fpw@host/db"}, "for user u: s3cr3t/pw is wrong"),
        ({"CRM_URL": "host=h password='s3cr3t pw' user=u"}, "cannot log in with s3cr3t pw"),
        ({"MLFLOW_TRACKING_URI": "https://s3cr3t-token@host/"}, "asked host as s3cr3t-token"),
        ({}, "psycopg: host=h password=s3cr3t user=u"),
    ],
)
def test_fault_64_every_way_out_is_redacted(
    capfd, monkeypatch, way: str, variables: dict[str, str], text: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert guarded(lambda: WAYS[way](text)) == 0
    shown = capfd.readouterr().err
    assert shown and "s3cr3t" not in shown
    assert text.split()[0] in shown  # the rest is there


def test_words_that_only_look_like_it_stay() -> None:
    environment = {"PGPASSWORD": "db", "HOME": "/home/user", "URL": "postgresql://analyst@host/db"}
    text = "mail me@example.org: the db of analyst is in /home/user//x, a token of esteem"
    assert redaction(environment)(text) == text
