"""Runs pytest, and runs tests once more in a process of their own if nothing but a crash of their worker failed them.

slang's binding has ended a worker with an abort in a constructor (about once in six runs of a thousand tests, and not again under
any stress that was tried). A test that fails in any other way fails the run as ever, and so does one that crashes twice.
"""

from __future__ import annotations

import re
import subprocess
import sys

_CRASHED = re.compile(r"worker '\w+' crashed while running '(?P<test>[^']+)'")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (?P<test>\S+)", re.MULTILINE)


def main(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as child:
        assert child.stdout is not None
        printed = []
        for line in child.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            printed.append(line)
    text = "".join(printed)
    crashed, failed = set(_CRASHED.findall(text)), set(_FAILED.findall(text))
    if child.returncode == 0 or not crashed or failed - crashed:
        return child.returncode
    print(f"a worker crashed: {', '.join(sorted(crashed))} once more")
    return subprocess.run([sys.executable, "-m", "pytest", *sorted(crashed)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
