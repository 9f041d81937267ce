#!/usr/bin/env bash
# Makes dist/llm4cov.vsix beside the project, with the project's wheel in it: package.sh PYTHON
set -euo pipefail
python=$1
cd "$(dirname "$0")/.."
rm -rf dist && mkdir -p dist ../dist
# A wheel is built from a clean folder, or files that are gone would still be in it.
rm -rf ../build/lib
"$python" -m pip wheel --quiet --no-deps --wheel-dir dist ..
cp ../LICENSE .
# Links into the project lead nowhere from an installed extension.
sed -E 's/\[([^]]*)\]\([^)]*\)/\1/g' ../CHANGELOG.md >CHANGELOG.md
trap 'rm -f LICENSE CHANGELOG.md' EXIT
node scripts/build.mjs
npx vsce package --no-dependencies --allow-missing-repository --out ../dist/llm4cov.vsix
