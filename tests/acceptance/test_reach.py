"""Proofs against the simulator: nothing that happens is proved impossible, every witness happens, and known dead code is proved."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from llm4cov_agent.bench.render import render
from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.closure.reach.answer import Answer, AnswerKind, answer
from llm4cov_agent.closure.reach.condition import Condition, Event, Instrumented
from llm4cov_agent.closure.reach.instrument import instrument
from llm4cov_agent.closure.reach.witness import witness_stimulus
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.evaluator import evaluate
from llm4cov_agent.judge.simulator import Job, RunStatus, SimulationLimits, Simulator
from llm4cov_agent.loop.policies.random import random_stimulus
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from tests.acceptance import reach_designs

pytestmark = pytest.mark.acceptance

LIMITS = SimulationLimits(build_s=900, run_s=600)


@cache
def _design(path: Path) -> Design:
    design, problems = elaborate(FileSet(sources=(path,), top="top"))
    assert design is not None, [str(problem) for problem in problems]
    return design


def _run(simulator: Simulator, design: Design, stimulus: Stimulus) -> tuple[set[CoveragePoint], set[CoveragePoint]]:
    """All points, and those that were hit."""
    evaluation = evaluate(simulator, Job(design=design, testbench=render(stimulus, design, Language.SYSTEMVERILOG), limits=LIMITS))
    assert evaluation.status is RunStatus.OK, [str(problem) for problem in evaluation.problems]
    assert evaluation.run.coverage is not None
    return set(evaluation.run.coverage.hits), evaluation.run.coverage.covered()


def _answers(design: Design, instrumented: Instrumented, *, budget_s: float = 60.0, depth: int = 14) -> dict[Condition, Answer]:
    questions = tuple(dict.fromkeys(condition for group in instrumented.conditions.values() for condition in group))
    return {item.question: item for item in answer(design, instrumented.texts, questions, budget_s=budget_s, depth=depth)}


def _proved(point: CoveragePoint, instrumented: Instrumented, answers: dict[Condition, Answer]) -> bool:
    group = instrumented.conditions.get(point, ())
    return bool(group) and all(answers[condition].kind is AnswerKind.PROVED for condition in group)


def _together(design: Design, witnesses: list[Answer]) -> Stimulus:
    """One run with all witnesses, a sequence each; with a reset before each they hardly disturb each other."""
    stimuli = [witness_stimulus(design, item, name=f"reach_{number}") for number, item in enumerate(witnesses)]
    return replace(stimuli[0], sequences=tuple(sequence for stimulus in stimuli for sequence in stimulus.sequences))


def _marked(text: str, word: str) -> set[int]:
    return {number for number, line in enumerate(text.splitlines(), 1) if line.endswith(f"// {word}")}


@pytest.mark.parametrize("name", sorted(reach_designs.ALL))
def test_proofs_and_witnesses_agree_with_the_simulator(name: str, simulator: Simulator, tmp_path: Path) -> None:
    text = reach_designs.ALL[name]
    path = tmp_path / f"{name.lower()}.sv"
    path.write_text(text)
    design = _design(path)
    points, hit = _run(simulator, design, random_stimulus(design, seed=3, cycles=3000))
    instrumented = instrument(design, points)
    answers = _answers(design, instrumented)
    witnesses = list({repr(item.witness): item for item in answers.values() if item.kind is AnswerKind.WITNESS}.values())
    if witnesses:
        _, more = _run(simulator, design, _together(design, witnesses))
        hit |= more
    proved = {point for point in points if _proved(point, instrumented, answers)}
    assert not proved & hit, sorted((point.line, point.comment) for point in proved & hit)
    claimed = {
        point
        for point, group in instrumented.conditions.items()
        if any(answers[condition].kind is AnswerKind.WITNESS for condition in group)
    }
    # Where blocks race or are not run, a netlist and the simulator may differ about what a witness reaches.
    unconfirmed = claimed - hit if name not in ("BLOCKING_RACE", "STALE_BLOCKS") else set()
    for point in sorted(unconfirmed, key=lambda item: item.sort_key):
        first = next(item for item in map(answers.__getitem__, instrumented.conditions[point]) if item.kind is AnswerKind.WITNESS)
        _, alone = _run(simulator, design, witness_stimulus(design, first))
        assert point in alone, (point, first)
    dead, alive = _marked(text, "dead"), _marked(text, "alive")
    # The point of a statement is that of the branch it stands in, on the line before it or its own.
    for point in points:
        if point.kind in (Kind.LINE, Kind.BRANCH) and _guards(point, text) in dead and point in instrumented.conditions:
            assert point in proved, (point, [answers[condition] for condition in instrumented.conditions[point]])
        if _guards(point, text) in alive and point.kind in (Kind.LINE, Kind.BRANCH):
            assert point not in proved
            assert point in hit, point
        if _guards(point, text) in _marked(text, "open") and point.kind in (Kind.LINE, Kind.BRANCH):
            assert point not in proved, point


def _guards(point: CoveragePoint, text: str) -> int | None:
    """Line of the marked statement that a point belongs to; None for points of something else."""
    if point.comment.startswith(("else", "cond", "block")):
        return None
    lines = text.splitlines()
    return next((line for line in (point.line, point.line + 1) if line <= len(lines) and "//" in lines[line - 1]), None)


START = """\
module top(input clk, input rst_n, input en, output reg [11:0] n);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) n <= 12'd0;
    else if (en) n <= n + 12'd1;
  far: cover final (n == 12'd2000);
endmodule
"""


def _question(path: Path, text: str, **settings: object) -> Answer:
    path.write_text(text)
    (found,) = answer(_design(path), {path: text}, (Condition("far", Event.HOLDS),), budget_s=20, depth=6, **settings)  # type: ignore[arg-type]
    return found


def test_a_witness_may_begin_in_a_given_state(tmp_path: Path) -> None:
    assert _question(tmp_path / "far.sv", START).kind is AnswerKind.BOUNDED
    near = _question(tmp_path / "near.sv", START, start={"n": 1998})
    assert near.kind is AnswerKind.WITNESS
    assert [cycle["en"] for cycle in near.witness] == [1, 1, 0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("n + 12'd1", "n +"),
        ("n + 12'd1", "#1 n + 12'd1"),
        ("12'd0", "missing"),
        ("else if (en) n <= n + 12'd1;", "else n <= f; wire [11:0] f; box u (.a(en), .f(f));"),
    ],
)
def test_what_no_model_can_be_made_of_is_unknown_with_a_reason(old: str, new: str, tmp_path: Path) -> None:
    good = tmp_path / "good.sv"
    good.write_text(START)
    design = _design(good)
    (found,) = answer(design, {good: START.replace(old, new)}, (Condition("far", Event.HOLDS),), budget_s=20, depth=6)
    assert found.kind is AnswerKind.UNKNOWN
    assert found.reason


def test_a_set_cancel_ends_it(tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    assert _question(tmp_path / "far.sv", START, cancel=cancel).kind is AnswerKind.UNKNOWN
