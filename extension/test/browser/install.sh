#!/usr/bin/env bash
# Makes a code-server (a real VS Code in a browser) below a folder that is kept between runs: install.sh FOLDER.
# Its npm package comes without what its own install script would download and compile; the few native modules are built here.
set -euo pipefail
VERSION=4.100.3
PLACE=$(mkdir -p "$1" && cd "$1" && pwd)
DONE=$PLACE/.made-$VERSION-node$(node -p 'process.versions.modules')
[ -e "$DONE" ] && exit 0

if ! command -v chromium >/dev/null || ! command -v rg >/dev/null || ! dpkg -s libkrb5-dev >/dev/null 2>&1; then
  if [ "$(id -u)" != 0 ]; then
    echo "The browser test needs chromium, libkrb5-dev and ripgrep. As root: apt-get install -y chromium libkrb5-dev ripgrep" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # Another installation on this machine may hold dpkg's lock.
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends chromium libkrb5-dev ripgrep >/dev/null
fi

quiet=(--no-audit --no-fund --loglevel=error)
rm -rf "$PLACE/node_modules"
echo '{"private": true}' >"$PLACE/package.json"
cd "$PLACE"
npm_config_unsafe_perm=true npm install "${quiet[@]}" "code-server@$VERSION" --ignore-scripts
ROOT=$PLACE/node_modules/code-server
CODE=$ROOT/lib/vscode
(cd "$CODE" && npm install "${quiet[@]}" --ignore-scripts --omit=dev)
(cd "$CODE/extensions" && npm install "${quiet[@]}" --ignore-scripts --omit=dev)
# Compiled against the headers that came with this very node, where it has any; else node-gyp downloads them.
NODE_HOME=$(node -p 'require("path").resolve(process.execPath, "../..")')
[ -e "$NODE_HOME/include/node/node.h" ] && export npm_config_nodedir="$NODE_HOME"
# node-pty asks npx for node-gyp, which npx offers to fetch only where a person can say yes.
export npm_config_yes=true
(cd "$CODE" && npm rebuild "${quiet[@]}" node-pty @vscode/spdlog native-watchdog @parcel/watcher kerberos)
# npm hoists code-server's own dependencies beside it.
(cd "$PLACE" && npm rebuild "${quiet[@]}" --foreground-scripts argon2)
mkdir -p "$CODE/node_modules/@vscode/ripgrep/bin"
ln -sfn "$(command -v rg)" "$CODE/node_modules/@vscode/ripgrep/bin/rg"
ln -sfn node_modules "$CODE/node_modules.asar"
touch "$DONE"
