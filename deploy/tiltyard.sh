#!/bin/sh
# tiltyard in a container: the password of the database comes from a file, PGPASSWORD_FILE.
set -eu
if [ -n "${PGPASSWORD_FILE:-}" ]; then
  PGPASSWORD="$(cat "$PGPASSWORD_FILE")"
  export PGPASSWORD
fi
exec "${TILTYARD_PROGRAM:-/opt/tiltyard/bin/tiltyard}" "$@"
