"""Writes down what an experiment came to: a manifest, a table and a figure. Measures nothing.

FOLDER/manifest.json   the scale, digests of data and models, versions, metrics with their intervals, comparisons, seconds
FOLDER/table.md        the same metrics for people
FOLDER/stages.svg      and as a figure
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from llm4cov_agent.digest import Json
from llm4cov_agent.durable import write_whole
from llm4cov_agent.loop.policies.model_file import label
from llm4cov_training.experiment.pipeline import Experiment
from llm4cov_training.experiment.scale import Ablation, Scale
from llm4cov_training.learn.evaluate import DesignScore, Estimate, difference, estimates
from llm4cov_training.learn.report import draw, markdown
from llm4cov_training.learn.versions import versions

_DIRECT, _REPAIRED = "average_coverage", "average_coverage_repaired"
_WORDS: Mapping[str, str] = {
    "random": "random inputs",
    "closure": "closure alone",
    "base": "base",
    f"ablation_{Ablation.RANDOM.value}": "stage 1, random states",
    f"ablation_{Ablation.BEST.value}": "stage 1, best states",
    f"ablation_{Ablation.UNCURATED.value}": "stage 1, not curated",
    f"ablation_{Ablation.AT_ONCE.value}": "all at once",
}


def write_outcome(folder: Path, scale: Scale, experiment: Experiment) -> Path:
    """Write all three, of as much as is known; gives the manifest. Raises OSError."""
    findings = experiment.findings
    least = scale.evaluation.pass_percent
    rows = [(_title(name), estimates(found, pass_percent=least)) for name, found in findings.scores.items()]
    full = [(_title(name), estimates(found, pass_percent=least)) for name, found in findings.full.items()]
    compared = comparisons(findings.scores)
    (folder / "table.md").write_text(_table(scale, rows, full, compared), "utf-8")
    drawn = [(name, found) for name, found in rows if name != _WORDS["random"]]
    draw(drawn, folder / "stages.svg", title=f"{scale.name}: {scale.evaluation.designs} held-out designs")
    manifest: dict[str, Json] = {
        "scale": _plain(asdict(scale)),
        "machine": {"cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()},
        "versions": versions(),
        "base": label(experiment.base.model) if experiment.base is not None else None,
        "seconds": dict(experiment.steps.seconds),
        "records": {name: dict(record) for name, record in findings.records.items()},
        "stimulus": {name: _estimates(found) for name, found in rows},
        "full": {name: _estimates(found) for name, found in full},
        "comparisons": {words: one.to_json() for words, one in compared.items()},
        "designs": {
            name: {one.name: [[round(s.overall, 2), round(s.overall_in_the_end, 2)] for s in one.samples] for one in found}
            for name, found in findings.scores.items()
        },
    }
    path = folder / "manifest.json"
    write_whole(path, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    return path


def comparisons(scores: Mapping[str, Sequence[DesignScore]]) -> dict[str, Estimate]:
    """How much more average coverage one has than another, design by design, direct and repaired."""
    last = max((name for name in scores if name.startswith("stage")), default="")
    pairs = [("base", "stage0"), ("stage0", "stage1"), ("stage1", "stage2"), ("base", last)]
    ablated = {ablation: f"ablation_{ablation.value}" for ablation in Ablation}
    pairs += [(name, last if ablation is Ablation.AT_ONCE else "stage1") for ablation, name in ablated.items()]
    found: dict[str, Estimate] = {}
    for before, after in dict.fromkeys(pairs):
        if before in scores and after in scores and before != after:
            for metric, words in ((_DIRECT, "direct"), (_REPAIRED, "repaired")):
                found[f"{_title(after)} over {_title(before)}, {words}"] = difference(scores[before], scores[after], metric)
    return found


def _table(
    scale: Scale,
    rows: Sequence[tuple[str, Mapping[str, Estimate]]],
    full: Sequence[tuple[str, Mapping[str, Estimate]]],
    compared: Mapping[str, Estimate],
) -> str:
    judged = scale.evaluation
    text = f"In percent on {judged.designs} held-out designs, {judged.samples} samples of each, {judged.rounds} repairs, "
    text += f"a pass from {judged.pass_percent:g} % on; intervals of 95 % over designs.\n\n{markdown(rows)}"
    if full:
        text += f"\nIn the format `full`, on {judged.full_designs} of them, without repairs:\n\n{markdown(full)}"
    lines = [f"| {words} | {one.mean:+.1f} ({one.low:+.1f} to {one.high:+.1f}) |" for words, one in compared.items()]
    return f"{text}\n| difference in coverage | points |\n| --- | --- |\n" + "\n".join(lines) + "\n"


def _title(name: str) -> str:
    return _WORDS.get(name) or name.replace("stage", "stage ")


def _estimates(found: Mapping[str, Estimate]) -> Json:
    return {name: one.to_json() for name, one in found.items()}


def _plain(value: Any) -> Json:
    """Values of a scale as JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    plain: Json = value.value if isinstance(value, Enum) else value
    return plain
