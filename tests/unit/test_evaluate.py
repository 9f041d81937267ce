"""What an evaluation says of scores: means, intervals, and when one model is better than another."""

from __future__ import annotations

import pickle
import random

import pytest

from llm4cov_agent.errors import Problem
from llm4cov_agent.loop.backend import CompletionEnding
from llm4cov_agent.loop.policy import Ask, Proposal
from llm4cov_agent.loop.state import State
from llm4cov_training.learn.evaluate import (
    METRICS,
    DesignScore,
    Estimate,
    EvaluationPlan,
    NoAnswer,
    Sample,
    difference,
    estimates,
    is_better,
)
from llm4cov_training.learn.evaluate import score as score_of
from tests.unit.test_rollout import START, Scripted


def score(name: str, *overall: float) -> DesignScore:
    return DesignScore(name, tuple(Sample(one > 0, one, one > 0, min(100.0, one + 1) if one else 0.0) for one in overall))


def test_a_failure_counts_as_no_coverage() -> None:
    found = estimates([score("a", 100, 0), score("b", 80, 80)])
    assert found["average_coverage"].mean == 65
    assert found["simulator_pass"].mean == 75
    assert found["coverage_pass"].mean == 25
    assert set(found) == set(METRICS)


def test_designs_weigh_alike_whatever_their_samples() -> None:
    assert estimates([score("a", 0, 0, 0, 0), score("b", 100)])["average_coverage"].mean == 50


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator, inside = random.Random(1), 0
    for _ in range(200):
        values = [score(str(rank), generator.uniform(1, 99)) for rank in range(30)]
        interval = estimates(values)["average_coverage"]
        assert interval.low <= interval.mean <= interval.high
        inside += interval.low <= 50 <= interval.high
    assert 176 <= inside <= 199


def test_equal_scores_have_no_width_and_no_difference() -> None:
    scores = [score("a", 50), score("b", 50)]
    assert estimates(scores)["average_coverage"] == Estimate(50, 50, 50)
    assert difference(scores, scores, "average_coverage") == Estimate(0, 0, 0)
    assert not is_better(scores, scores)


def test_better_means_beyond_noise() -> None:
    before = [score(str(rank), 40) for rank in range(12)]
    assert is_better(before, [score(str(rank), 41 + rank) for rank in range(12)])
    # The mean is higher, but for one design alone.
    assert not is_better(before, [score(str(rank), 40 + (30 if rank == 0 else -1)) for rank in range(12)])


def test_more_coverage_does_not_pay_for_runs_that_fail() -> None:
    before = [score(str(rank), 40, 40) for rank in range(12)]
    assert not is_better(before, [score(str(rank), 99, 0) for rank in range(12)])


def test_only_like_is_compared_with_like() -> None:
    with pytest.raises(ValueError, match="same designs"):
        difference([score("a", 1)], [score("b", 1)], "average_coverage")
    with pytest.raises(ValueError, match="no designs"):
        estimates([])


class Silent(Scripted):
    """A model whose process ends when it is asked."""

    def propose(self, state: State, ask: Ask) -> Proposal:
        problem = Problem("the process with the model ended unexpectedly")
        return Proposal(testbench=None, problems=(problem,), ending=CompletionEnding.FAILED)


def test_a_model_that_can_not_be_asked_has_no_score_at_all() -> None:
    plan = EvaluationPlan(samples=2, rounds=1)
    answers = Scripted([3, 7, 5, 2])
    assert score_of(answers, "x", START.design, answers, plan) == DesignScore("x", (Sample(True, 30, True, 70), Sample(True, 50, True, 50)))
    silent = Silent([])
    with pytest.raises(NoAnswer, match="ended unexpectedly") as failure:
        score_of(silent, "x", START.design, silent, plan)
    assert pickle.loads(pickle.dumps(failure.value)).problems == failure.value.problems
