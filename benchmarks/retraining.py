"""How long `retrain` takes on a user's store: `python -m benchmarks.retraining [--trajectories N] [--whole] [--folder FOLDER]`.

A store of so many trajectories is made with the commands of a user: designs, and the teacher's testbenches for them, each with its repairs.
Then `retrain --dry-run` says what would be learned and how long it would take on this machine; with `--whole` it is done as well and timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import results

BAR_S = 7200.0
"""Seconds for 50 trajectories on two cores."""
_PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectories", type=int, default=50)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--folder", type=Path, help="keeps what was made; a temporary one by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        load = os.getloadavg()[0]
        store = str(folder / "trajectories.db")
        _retrain(folder, "corpus", "--count", "600")
        made = _retrain(folder, "synthesize", "--store", store, "--designs", str(options.trajectories), "--budget-s", "6")
        forecast = _retrain(folder, "--dry-run", "--max-load", "0")
        seconds = forecast["train_s"] + forecast["judge_s"]
        spans = f"{forecast['train_s']} s of learning and {forecast['judge_s']} s of judging"
        print(f"{made['items']} trajectories, {forecast['examples']} examples at {forecast['tokens_per_s']} tokens/s")
        print(f"foretold: {spans}, {seconds / 60:.0f} min in all (bar {BAR_S / 60:.0f})")
        record: dict[str, Any] = {"trajectories": made["items"], "load_before": load, "forecast": forecast}
        if options.whole:
            began = time.monotonic()
            record["verdict"] = _retrain(folder, "--max-load", "0")
            record["seconds"] = seconds = round(time.monotonic() - began, 1)
            print(f"it took {seconds / 60:.0f} min")
    results.write("retraining", record)
    return int(seconds > BAR_S * options.trajectories / 50)


def _retrain(folder: Path, *arguments: str) -> Any:
    """Run the command as a user does; gives its record."""
    ended = subprocess.run(
        [_PROGRAM, "retrain", *arguments, "--json"],
        env=os.environ | {"LLM4COV_STORE": str(folder / "trajectories.db")},
        stdout=subprocess.PIPE,
        check=False,
    )
    if ended.returncode:
        raise SystemExit(f"retrain {' '.join(arguments)} ended with status {ended.returncode}")
    return json.loads(ended.stdout)


if __name__ == "__main__":
    sys.exit(main())
