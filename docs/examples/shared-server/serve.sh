#!/bin/sh
# A shared MLflow server: named users only, runs and models in PostgreSQL, files in object storage.
# Put a proxy with TLS before it: passwords and models go over the wire as they are.
#
#   NAME                            the host name by which browsers and jobs reach it
#   ARTIFACTS                       s3://bucket/path, gs://..., or a folder
#   PGHOST, PGUSER, PGPASSFILE      the PostgreSQL server that has the databases mlflow, mlflow_auth
#   MLFLOW_FLASK_SERVER_SECRET_KEY  long and random, the same at each start
#   MLFLOW_AUTH_ADMIN_PASSWORD      at the first start
set -eu
: "${NAME:?the host name of this server}" "${ARTIFACTS:?where files are kept}"
: "${PGHOST:?}" "${PGUSER:?}" "${MLFLOW_FLASK_SERVER_SECRET_KEY:?}"
here=$(cd "$(dirname "$0")" && pwd)

export MLFLOW_AUTH_CONFIG_PATH="$here/basic_auth.ini"
# It shows and keeps; it runs nothing for anybody and reports to nobody.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
export MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=true
export MLFLOW_MODEL_CATALOG_URI=

exec mlflow server --app-name basic-auth \
	--host "${BIND:-127.0.0.1}" --port "${PORT:-5000}" --workers "${WORKERS:-2}" \
	--backend-store-uri postgresql+psycopg:///mlflow \
	--artifacts-destination "$ARTIFACTS" \
	--allowed-hosts "$NAME" \
	--cors-allowed-origins "https://$NAME" \
	--x-frame-options SAMEORIGIN
