"""The parts of an experiment that need no simulator and no model: steps that are passed over, scales, comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm4cov_agent.errors import BadConfiguration
from llm4cov_training.experiment.steps import Outcome, Steps, Stopped

SCALES = sorted((Path(__file__).resolve().parents[2] / "training" / "scales").glob("*.toml"))


def test_a_finished_step_is_passed_over_until_its_inputs_change(tmp_path: Path) -> None:
    made: list[str] = []

    def make(folder: Path) -> Outcome:
        (folder / "result").write_text(str(len(made)))
        made.append(folder.name)
        return {"runs": len(made)}

    said: list[str] = []
    for expected, inputs in ((1, "one"), (1, "one"), (2, "two")):
        steps = Steps(tmp_path, said.append)
        assert steps.do("part/first", [inputs, 3], make) == {"runs": expected}
        assert (tmp_path / "part" / "first" / "result").read_text() == str(expected - 1)
        assert steps.seconds["part/first"] >= 0
    assert made == ["first", "first"] and "part/first: done before" in said


def test_a_step_that_was_cut_short_goes_on_with_what_it_left_unless_its_inputs_changed(tmp_path: Path) -> None:
    def cut(folder: Path) -> Outcome:
        (folder / "half").write_text("some")
        raise Stopped

    def go_on(folder: Path) -> Outcome:
        return {"found": (folder / "half").exists()}

    steps = Steps(tmp_path, lambda line: None)
    with pytest.raises(Stopped):
        steps.do("one", "same", cut)
    # A power cut while the outcome was written leaves a file that is no record.
    (tmp_path / "one" / "step.json").write_text('{"digest": "sha')
    assert steps.do("one", "same", go_on) == {"found": True}
    with pytest.raises(Stopped):
        steps.do("two", "before", cut)
    assert steps.do("two", "after", go_on) == {"found": False}
    assert json.loads((tmp_path / "two" / "step.json").read_text())["inputs"] == "after"


def test_the_scales_of_the_repository_can_be_read() -> None:
    pytest.importorskip("gguf", reason="needs the extra `train`")
    from llm4cov_training.experiment.scale import Ablation, read_scale

    found = {path.stem: read_scale(path) for path in SCALES}
    assert set(found) == {"small", "cpu", "gpu"} and all(scale.name == name for name, scale in found.items())
    gpu = found["gpu"]
    assert gpu.corpus.designs >= 5000 and gpu.fresh is None and set(gpu.ablations) == set(Ablation) and gpu.student.stages == 2
    assert (gpu.evaluation.samples, gpu.evaluation.rounds) == (5, 3) and gpu.shows_full


def test_a_scale_that_makes_no_sense_is_refused_in_words(tmp_path: Path) -> None:
    pytest.importorskip("gguf", reason="needs the extra `train`")
    from llm4cov_training.experiment.scale import read_scale

    path = tmp_path / "odd.toml"
    for text, words in (
        ('name = "a"\n[fresh]\n', "full = true"),
        ('name = "a"\n[first]\nfull = true\n', "both train all weights"),
        ('name = "a"\n[fresh]\nhidden = 100\nheads = 7\n', "multiple of heads"),
        ('name = "a"\nablations = ["worst"]\n', "ablations"),
        ('name = "a"\nflavour = 1\n', "flavour"),
    ):
        path.write_text(text)
        with pytest.raises(BadConfiguration, match=words):
            read_scale(path)


def test_comparisons_are_of_stages_that_are_there_and_of_what_was_done_otherwise() -> None:
    pytest.importorskip("gguf", reason="needs the extra `train`")
    from llm4cov_training.experiment.outcome import comparisons
    from llm4cov_training.learn.evaluate import DesignScore, Sample

    def scores(percent: float) -> tuple[DesignScore, ...]:
        return tuple(DesignScore(f"d{number}", (Sample(True, percent, True, percent + 5),)) for number in range(4))

    found = comparisons({"base": scores(20), "stage0": scores(50), "stage1": scores(60), "ablation_random": scores(55)})
    assert found["stage 0 over base, direct"].mean == 30 and found["stage 1 over base, repaired"].mean == 40
    assert found["stage 1 over stage 1, random states, direct"].mean == 5
    assert not any("stage 2" in words or "at once" in words for words in found)
