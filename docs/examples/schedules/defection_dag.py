"""An Airflow DAG (2.4 or newer): validate and score, every Monday.

Copy it into the DAG folder. The program runs in an environment of its own, so that its packages and
those of Airflow do not meet.
"""

from __future__ import annotations

import shlex
import subprocess
from datetime import datetime, timedelta

from airflow import DAG
from airflow.exceptions import AirflowFailException
from airflow.operators.python import PythonOperator

DEFECTION = "/opt/defection/.venv/bin/defection"
ZONE = "UTC"  # the config's `timezone`: today is what it is there
CONFIG = "/etc/defection/config.yaml"
WORTH_ANOTHER_TRY = {69, 75}  # service unavailable; another job holds the lock


def run(command: str) -> None:
    """Run a command of `defection`; whatever another try cannot mend fails at once."""
    arguments = [DEFECTION, *shlex.split(command)[1:]]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as program:
        for line in program.stdout or ():
            print(line, end="")  # into the log of the task, which sees no other process's output
    code = program.returncode
    if code in WORTH_ANOTHER_TRY:
        raise RuntimeError(f"exit code {code}: trying again")
    if code:
        raise AirflowFailException(f"exit code {code}: see the log above")


with DAG(
    dag_id="defection_score",
    schedule="30 5 * * 1",
    start_date=datetime(2026, 1, 5),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 5,
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=1),
        "email": ["sales-data@example.com"],
        "email_on_failure": True,
    },
):
    validate = PythonOperator(
        task_id="validate",
        python_callable=run,
        op_args=[f"defection --log json validate --config {CONFIG}"],
    )
    # The day on which the run begins, which is what the extract of the night goes up to.
    today = f"{{{{ data_interval_end.in_timezone('{ZONE}').to_date_string() }}}}"
    score = PythonOperator(
        task_id="score",
        python_callable=run,
        op_args=[f"defection --log json score --config {CONFIG} --as-of {today}"],
    )
    validate >> score
