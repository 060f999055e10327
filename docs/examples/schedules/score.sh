#!/bin/sh
# Validates and scores the snapshot of today. Tries again while another job holds the lock (exit
# code 75) or a server is away (69), logs what is said, and mails its end when it fails.
set -eu

CONFIG=${CONFIG:-/etc/defection/config.yaml}
LOG=${LOG:-/var/log/defection/score.log}
MAIL_TO=${MAIL_TO:-sales-data@example.com}
ZONE=${ZONE:-UTC} # the config's `timezone`: today is what it is there
AS_OF=${AS_OF:-$(TZ="$ZONE" date +%F)}
TRIES=${TRIES:-6}
WAIT_SECONDS=${WAIT_SECONDS:-600}

run() {
    defection --log json validate --config "$CONFIG" || return
    defection --log json score --config "$CONFIG" --as-of "$AS_OF"
}

code=0
while :; do
    code=0
    run >>"$LOG" 2>&1 || code=$?
    TRIES=$((TRIES - 1))
    case "$code" in
        69 | 75) [ "$TRIES" -gt 0 ] || break ;;
        *) break ;;
    esac
    sleep "$WAIT_SECONDS"
done

if [ "$code" -ne 0 ]; then
    # A mail that cannot be sent must not hide the exit code.
    tail -n 40 "$LOG" | mail -s "Call list of $AS_OF: exit code $code" "$MAIL_TO" || true
fi
exit "$code"
