"""What evaluations came to, as a Markdown table and a figure: the only module that draws. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from llm4cov_training.learn.evaluate import Estimate

TITLES: Mapping[str, str] = {
    "simulator_pass": "runs",
    "coverage_pass": "passes",
    "average_coverage": "coverage",
    "simulator_pass_repaired": "runs, repaired",
    "coverage_pass_repaired": "passes, repaired",
    "average_coverage_repaired": "coverage, repaired",
}
_DRAWN = ("simulator_pass", "average_coverage", "average_coverage_repaired")
_COLOURS = ("#4477aa", "#ee6677", "#228833")
"""Told apart by people who see colours in any way (P. Tol, "bright")."""


def markdown(rows: Sequence[tuple[str, Mapping[str, Estimate]]]) -> str:
    """Write one line for each model: means in percent with their intervals of 95 %."""
    head = "| model | " + " | ".join(TITLES.values()) + " |"
    lines = [head, "| --- |" + " --- |" * len(TITLES)]
    for name, found in rows:
        cells = (f"{found[metric].mean:.1f} ({found[metric].low:.1f} to {found[metric].high:.1f})" for metric in TITLES)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(rows: Sequence[tuple[str, Mapping[str, Estimate]]], path: Path, *, title: str) -> None:
    """Draw the same as bars with their intervals; the suffix of `path` (.svg, .png) decides the format. Raises OSError."""
    import matplotlib

    # No window is ever opened, and equal figures are equal files.
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "llm4cov"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(max(5.0, 1.6 * len(rows)), 3.6), layout="constrained")
    width = 0.8 / len(_DRAWN)
    for place, metric in enumerate(_DRAWN):
        found = [estimates[metric] for _, estimates in rows]
        means = [one.mean for one in found]
        spread = [[one.mean - one.low for one in found], [one.high - one.mean for one in found]]
        at = [rank + (place - (len(_DRAWN) - 1) / 2) * width for rank in range(len(rows))]
        axes.bar(at, means, width * 0.92, yerr=spread, capsize=2, color=_COLOURS[place], label=TITLES[metric])
    axes.set_xticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(0, 100)
    axes.set_ylabel("percent")
    axes.set_title(title)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
