"""The whole of learning on a dozen designs and a tiny model with random weights: from a corpus to a table. Needs the extra `models`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

pytest.importorskip("peft", reason="needs the extra `train`")
pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

import torch

from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.corpus.designs import read_corpus
from llm4cov_training.corpus.split import Side
from llm4cov_training.examples import read_examples
from llm4cov_training.experiment.outcome import write_outcome
from llm4cov_training.experiment.pipeline import Experiment, Findings
from llm4cov_training.experiment.scale import Scale, read_scale
from llm4cov_training.experiment.steps import Stopped
from llm4cov_training.learn.recipe import Precision
from llm4cov_training.learn.train import load_base
from llm4cov_training.work import Workers, open_workers

pytestmark = pytest.mark.acceptance

SCALE = """
name = "tiny"
earlier_share = 0.5
ablations = ["uncurated", "at_once"]
[corpus]
designs = 70
[fresh]
hidden = 64
layers = 2
heads = 4
key_heads = 2
inner = 128
vocabulary = 700
[teacher]
designs = 4
lesson = { budget_s = 2, rounds = 15, reply_tokens = 160, replies = 1, prompt_tokens = 600, stands_in = false }
[student]
designs = 2
samples = 1
rounds = 0
max_tokens = 60
stages = 2
lesson = { budget_s = 2, rounds = 15, reply_tokens = 160, prompt_tokens = 600, repairs_all = true }
[first]
full = true
learning_rate = 0.005
epochs = 6
sequence_tokens = 2048
accumulation = 1
[later]
full = true
epochs = 1
sequence_tokens = 2048
accumulation = 1
[evaluation]
designs = 2
samples = 1
rounds = 1
full_designs = 1
full_samples = 1
full_tokens = 40
closure_s = 2
"""


@pytest.fixture(scope="module")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Scale:
    path = tmp_path_factory.mktemp("scale") / "tiny.toml"
    path.write_text(SCALE)
    return read_scale(path)


@pytest.fixture(scope="module")
def workers(cache_dir: Path) -> Iterator[Workers]:
    with pytest.MonkeyPatch.context() as monkey:
        monkey.setenv("LLM4COV_CACHE_DIR", str(cache_dir))
        with open_workers(2) as made:
            yield made


@pytest.fixture(scope="module")
def done(scale: Scale, workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Findings, list[str]]:
    """A whole run, which is stopped in the middle of two of its steps and gone on with."""
    folder = tmp_path_factory.mktemp("run")
    for stop_at in ("teacher: begun", "stage1: begun"):
        cancel = Event()

        def stop(line: str, stop_at: str = stop_at, cancel: Event = cancel) -> None:
            if line.startswith(stop_at):
                cancel.set()

        with pytest.raises(Stopped):
            Experiment(scale, folder, workers, tell=stop, cancel=cancel).run()
    said: list[str] = []
    experiment = Experiment(scale, folder, workers, tell=said.append, cancel=Event())
    findings = experiment.run()
    write_outcome(folder, scale, experiment)
    return folder, findings, said


def test_every_stage_and_comparison_is_measured_on_the_same_designs(done: tuple[Path, Findings, list[str]]) -> None:
    folder, findings, said = done
    names = ["random", "closure", "base", "stage0", "stage1", "stage2", "ablation_uncurated", "ablation_at_once"]
    assert list(findings.scores) == names and list(findings.full) == ["base", "stage0", "stage1", "stage2"]
    assert len({tuple(one.name for one in scores) for scores in findings.scores.values()}) == 1
    closure = [sample.overall for one in findings.scores["closure"] for sample in one.samples]
    assert min(closure) > 60
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["records"]["stage0"]["losses"][-1] < 0.8 * manifest["records"]["stage0"]["losses"][0]
    assert set(manifest["stimulus"]) >= {"base", "stage 0", "stage 2", "stage 1, not curated", "all at once"}
    assert manifest["records"]["corpus"]["designs"] == 70 and manifest["records"]["examples0"]["digest"].startswith("sha256:")
    assert "transformers" in manifest["versions"] and manifest["base"].startswith("base@")
    table = (folder / "table.md").read_text()
    assert "| stage 2 |" in table and "| stage 1 over stage 0, repaired |" in table
    assert (folder / "stages.svg").stat().st_size > 1000
    # What was finished before each stop was not done again.
    assert {"corpus: done before", "teacher: done before", "student1: done before"} <= set(said)


def test_nothing_of_a_held_out_design_is_learned_from(done: tuple[Path, Findings, list[str]]) -> None:
    folder, _, _ = done
    held_out = {one.top: one for one in read_corpus(folder / "corpus").designs if one.side is not Side.TRAIN}
    train = {one.top for one in read_corpus(folder / "corpus").designs if one.side is Side.TRAIN}
    texts = {name: (folder / "corpus" / "designs" / f"{one.name}.v").read_text() for name, one in held_out.items()}
    files = sorted(folder.rglob("examples.jsonl"))
    assert len(files) >= 8
    for file in files:
        rows, problems = read_examples(file)
        assert not problems and rows and {one.top for one in rows} <= train
    for store in folder.rglob("trajectories.db"):
        with open_store(store, writable=False) as opened:
            assert not opened.verify()
            for summary in opened.trajectories():
                rolled = opened.transitions(summary.id)[0].state.design.sources[0].text
                assert rolled not in texts.values()


def test_the_same_again_does_nothing(done: tuple[Path, Findings, list[str]], scale: Scale, workers: Workers) -> None:
    folder, findings, _ = done
    said: list[str] = []
    again = Experiment(scale, folder, workers, tell=said.append, cancel=Event()).run()
    assert again.scores == findings.scores and again.records == findings.records
    assert not [line for line in said if "begun" in line]


def test_a_trained_model_is_the_same_in_its_portable_file(done: tuple[Path, Findings, list[str]]) -> None:
    folder, _, _ = done
    from safetensors.torch import load_file

    model, tokenizer, _ = load_base(folder / "stage2" / "model.gguf", Precision.FLOAT32)
    trained = load_file(folder / "stage2" / "weights" / "model.safetensors")
    own = model.state_dict()
    assert trained and all(torch.equal(values, own[name]) for name, values in trained.items())
    import llama_cpp

    text = "sequence one\n  random 1250 go:25%\n  hold  7\nend\n4'd12 <|im_end|>"
    portable = llama_cpp.Llama(
        str(folder / "stage2" / "model.gguf"), n_ctx=256, n_threads=1, verbose=False, type_k=0, type_v=0, flash_attn=False
    )
    prompt = portable.tokenize(text.encode(), add_bos=False, special=True)
    assert tokenizer.encode(text, add_special_tokens=False) == prompt
    with torch.inference_mode():
        ids = torch.tensor([prompt])
        expected = model.generate(ids, max_new_tokens=12, do_sample=False, eos_token_id=-1, pad_token_id=0)[0][len(prompt) :].tolist()
    assert [token for token, _ in zip(portable.generate(prompt, top_k=1, temp=0.0), range(12), strict=False)] == expected
