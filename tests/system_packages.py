"""Installs the system packages that the tests compare with, where this user may; else says which are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = {
    "iverilog": ["iverilog"],
    "bwrap": ["bubblewrap"],
    "genhtml": ["lcov"],
    "nvim": ["neovim"],
    # 46 MB and ten seconds; eglot is a part of Emacs from 29 on only.
    "emacs": ["emacs-nox", "elpa-eglot"],
}


def main() -> int:
    missing = sorted(package for program, packages in PACKAGES.items() if shutil.which(program) is None for package in packages)
    if not missing:
        return 0
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"The tests need {', '.join(missing)}. As root: {' '.join(command)}", file=sys.stderr)
        return 1
    print(f"Installing system packages that the tests compare with: {', '.join(missing)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "-qq"], command):
        done = subprocess.run(step, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            print(f"`{' '.join(step)}` failed with status {done.returncode}.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
