#!/bin/sh
# The whole of learning at one scale: training/run_all.sh [small|cpu|gpu] [--out FOLDER] [--cluster tcp://HOST:PORT]
# Corpus, teacher, three stages from the student's own states, comparisons, and the measuring of all of them on held-out designs.
# The same command goes on where it was stopped. Takes the interpreter in PYTHON, else .venv/bin/python, else python3.
set -eu
cd "$(dirname "$0")/.."
scale="${1:-small}"
[ $# -gt 0 ] && shift
python="${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}"
exec "$python" -m llm4cov_training.experiment "training/scales/$scale.toml" "$@"
