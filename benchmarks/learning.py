"""What learning gains: `python -m benchmarks.learning [SCALE] [--out FOLDER]` runs training/scales/SCALE.toml and keeps what it came to.

The run itself is `training/run_all.sh SCALE`, which goes on where it was stopped. Its manifest goes to
benchmarks/results/learning_SCALE.json, its table to benchmarks/results/learning_SCALE.md and its figure to docs/learning-SCALE.svg.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from benchmarks import results
from llm4cov_training.experiment.__main__ import run

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scale", nargs="?", default="small")
    parser.add_argument("--out", type=Path, help="folder of the run; `runs/SCALE` by default")
    options = parser.parse_args()
    folder = options.out or Path("runs") / options.scale
    status = run(ROOT / "training" / "scales" / f"{options.scale}.toml", folder)
    if status:
        return status
    name = f"learning_{options.scale}"
    shutil.copy(folder / "table.md", results.FOLDER / f"{name}.md")
    shutil.copy(folder / "stages.svg", ROOT / "docs" / f"learning-{options.scale}.svg")
    results.write(name, json.loads((folder / "manifest.json").read_text("utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
