"""docs/schedules.md and its examples name what there is, and do what they say."""

from __future__ import annotations

import ast
import configparser
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import typer.main
import yaml

from pipeline import cli, endings
from pipeline.errors import DefectionError

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "schedules.md"
EXAMPLES = DOCS / "examples" / "schedules"
WITH_COMMANDS = ("score.sh", "defection-score.service", "defection_dag.py", "cronjob.yaml")


def commands(text: str) -> list[list[str]]:
    """The arguments of every `defection ...` in a text; what is computed in a shell is a word."""
    text = re.sub(r"\$+\([^)]*\)|\{+[^{}\n]*\}+", "2026-01-05", text)
    found = re.findall(r"\bdefection ((?:--|[a-z]).*)", text)
    return [re.sub(r"[\"'`\]),]", " ", line.split("||")[0]).split() for line in found]


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_every_command_line_is_one_that_the_program_takes(name) -> None:
    found = commands((EXAMPLES / name).read_text())
    assert [line for line in found if "score" in line]
    for arguments in found:
        understood(arguments)


def test_the_commands_of_the_page_are_taken_too() -> None:
    blocks = re.findall(r"^```\n(defection .*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (arguments,) = (arguments for block in blocks for arguments in commands(block))
    assert "--dry-run" in arguments
    understood(arguments)


def test_a_command_line_with_a_slip_is_noticed() -> None:
    for line in ("scroe --as-of D", "score --asof D", "score", "--lgo json score --as-of D"):
        with pytest.raises(Exception, match=r"No such|Missing"):
            understood(line.split())


def understood(arguments: list[str]) -> None:
    """Parse a command line as the program does, options and what they require, and run nothing."""
    root: Any = typer.main.get_command(cli.app)
    with root.make_context("defection", [*arguments]) as context:
        rest = [*context._protected_args, *context.args]
        name, command, given = root.resolve_command(context, rest)
        command.make_context(name, given, parent=context)


def table() -> dict[int, list[str]]:
    """The rows on exit codes: means, what the scheduler does, what a person does."""
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    return {int(code): cells for code, *cells in rows}


def worth_another_try() -> set[int]:
    return {code for code, (_, does, _) in table().items() if does == "tries again in minutes"}


def test_the_table_has_the_exit_codes_that_there_are() -> None:
    def classes(of: type[DefectionError]) -> set[type[DefectionError]]:
        return {of}.union(*(classes(kind) for kind in of.__subclasses__()))

    codes = {kind.exit_code for kind in classes(DefectionError)} | {*endings._MODEL_EXITS.values()}
    assert table().keys() == codes | {0, endings.USAGE, endings._BUG}
    told = dict(re.findall(r"(\d+) ([a-z ]+)", cli.app.info.epilog))
    assert {str(code) for code in table()} == told.keys()
    for code, (means, *_) in table().items():
        assert means.startswith(told[str(code)]), code


def test_cron_lines_have_five_fields_and_name_a_script_that_is_there() -> None:
    lines = (EXAMPLES / "defection.crontab").read_text().splitlines()
    jobs = [line for line in lines if line and not re.match(r"#|[A-Z_]+=", line)]
    assert jobs
    for job in jobs:
        *fields, command = job.split(maxsplit=5)
        most = (59, 23, 31, 12, 7)
        assert len(fields) == 5
        for field, highest in zip(fields, most, strict=True):
            assert field == "*" or 0 <= int(field) <= highest, job
        script = EXAMPLES / Path(command).name
        assert os.access(script, os.X_OK)
        assert "%" not in command  # a line's end to cron


@pytest.mark.parametrize(
    ("codes", "tries", "ends", "mails"),
    [([0], 6, 0, 0), ([75, 69, 0], 6, 0, 0), ([75, 75, 0], 2, 75, 1), ([65, 0], 6, 65, 1)],
)
def test_the_script_tries_again_where_that_helps_and_mails_a_failure(
    tmp_path, codes, tries, ends, mails
) -> None:
    """The program is a stand-in here that ends with the codes given, one after the other."""
    (tmp_path / "codes").write_text("".join(f"{code}\n" for code in codes))
    programs = {
        "defection": 'case "$*" in *validate*) exit 0;; esac; echo "$*"\n'
        'code=$(head -n 1 codes); sed -i 1d codes; exit "$code"\n',
        "mail": 'echo "$*" >>mails; cat >>mails\n',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}")
        (tmp_path / name).chmod(0o755)
    given = {"AS_OF": "2026-01-05", "TRIES": str(tries), "WAIT_SECONDS": "0", "LOG": "log"}
    done = subprocess.run(
        [EXAMPLES / "score.sh"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "CONFIG": "mine.yaml", **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (ends, "", "")
    assert {*codes} - {0, 65} <= worth_another_try()
    line = "--log json score --config mine.yaml --as-of 2026-01-05"
    runs = len(codes) - len((tmp_path / "codes").read_text().splitlines())
    assert (tmp_path / "log").read_text().splitlines() == [line] * runs
    assert (tmp_path / "mails").exists() == bool(mails)
    if mails:
        assert f"exit code {ends}" in (tmp_path / "mails").read_text()


FAR_APART = ("Pacific/Kiritimati", "Pacific/Pago_Pago")  # 25 hours: never on the same day


@pytest.mark.parametrize("zone", FAR_APART)
@pytest.mark.parametrize("name", ["score.sh", "defection-score.service", "cronjob.yaml"])
def test_today_is_what_it_is_in_the_zone_of_the_config(name, zone) -> None:
    text = (EXAMPLES / name).read_text().replace("$$", "$").replace("%%", "%")
    (asked,) = re.findall(r"\$\((TZ=[^)]*)\)", text)
    for _ in range(2):  # midnight may pass between the two clocks
        there = datetime.now(ZoneInfo(zone)).date()
        environment = {"ZONE": zone, "PATH": "/usr/bin:/bin"}
        said = subprocess.run(
            ["/bin/sh", "-c", asked], env=environment, capture_output=True, text=True, check=True
        )
        if said.stdout.strip() == str(there):
            return
    raise AssertionError(said.stdout)


def test_today_is_what_it_is_there_for_airflow_too() -> None:
    (assigned,) = (
        line
        for line in (EXAMPLES / "defection_dag.py").read_text().splitlines()
        if "today =" in line
    )
    found: dict[str, str] = {"ZONE": "Europe/Berlin"}
    exec(assigned.strip(), found)
    wanted = "{{ data_interval_end.in_timezone('Europe/Berlin').to_date_string() }}"
    assert found["today"] == wanted


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string((EXAMPLES / name).read_text())
    return parser


def test_the_units_of_systemd_belong_together() -> None:
    score, timer = unit("defection-score.service"), unit("defection-score.timer")
    assert {*score["Service"]["RestartForceExitStatus"].split()} == {*map(str, worth_another_try())}
    # systemd has a meaning of its own for a single $ or %
    assert not re.search(r"(?<!\$)\$(?!\$)|(?<!%)%(?!%)", score["Service"]["ExecStart"])
    assert score["Service"]["EnvironmentFile"].startswith("-/etc/")
    assert timer["Timer"]["OnCalendar"] and timer["Install"]["WantedBy"] == "timers.target"
    assert "ExecStart" in unit(score["Unit"]["OnFailure"])["Service"]


def test_the_dag_compiles_and_tries_again_where_that_helps() -> None:
    text = (EXAMPLES / "defection_dag.py").read_text()
    compile(text, "defection_dag.py", "exec")
    (codes,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WORTH_ANOTHER_TRY"
    )
    assert codes == worth_another_try()
    assert len(commands(text)) == 2


def test_the_cron_job_has_the_fields_that_matter() -> None:
    job = yaml.safe_load((EXAMPLES / "cronjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert len(job["spec"]["schedule"].split()) == 5
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    one = job["spec"]["jobTemplate"]["spec"]
    assert one["backoffLimit"] >= 1 and one["activeDeadlineSeconds"] > 0
    pod = one["template"]["spec"]
    (container,) = pod["containers"]
    (rule,) = (r for r in one["podFailurePolicy"]["rules"] if r["action"] == "FailJob")
    assert rule["onExitCodes"]["operator"] == "NotIn"
    assert {*rule["onExitCodes"]["values"]} == worth_another_try()
    assert rule["onExitCodes"]["containerName"] == container["name"]
    assert pod["restartPolicy"] == "Never"  # what podFailurePolicy asks for
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for bounds in ("requests", "limits"):
        assert container["resources"][bounds].keys() == {"cpu", "memory"}
    secret = [entry for entry in container["env"] if "secretKeyRef" in entry.get("valueFrom", {})]
    assert {entry["name"] for entry in secret} == {"DEFECTION_SCORES_URL", "MLFLOW_TRACKING_URI"}
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_the_page_names_every_example_and_no_other() -> None:
    named = set(re.findall(r"\(examples/schedules/([\w.-]+)\)", PAGE.read_text()))
    assert named == {path.name for path in EXAMPLES.iterdir()}
