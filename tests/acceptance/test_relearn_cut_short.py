"""Learning that is cut short in each of its phases, and on bases and disks that are not as they were. Needs the extra `models`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft", reason="needs the extra `train`")
pytest.importorskip("llama_cpp", reason="needs the extra `llama`")

from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.policies.adapters import Adapters
from llm4cov_training.learn import relearn as relearning
from llm4cov_training.learn import train as training
from llm4cov_training.learn.relearn import Outcome, Plan, relearn
from tests.acceptance.test_relearn import Log, loaded_once, plan  # noqa: F401 - fixtures
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.acceptance


class PowerCut(BaseException):
    """Nothing of ours runs after it."""


def cutting(original: Callable[..., Any], *, afterwards: bool) -> Callable[..., Any]:
    """The same function, whose power is cut before or after its work."""

    def cut(*arguments: Any, **more: Any) -> Any:
        if afterwards:
            original(*arguments, **more)
        raise PowerCut

    return cut


PHASES = {
    "a checkpoint is written": (training, "_last_checkpoint", True),
    "weights are written": (training, "_save", False),
    "weights are there": (training, "_save", True),
    "the portable file is there": (relearning, "write_gguf_lora", True),
    "scores are being taken": (relearning, "_scores", True),
    "all is measured": (relearning, "_manifest", True),
    "it is kept": (Adapters, "add", True),
    "it is about to be live": (Adapters, "promote", False),
    "it is live": (Adapters, "promote", True),
}


@pytest.fixture(scope="module")
def plain(plan: Plan, simulator: Verilator, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Outcome]:  # noqa: F811
    """What comes of it without interruption: the adapter's bytes."""
    folder = tmp_path_factory.mktemp("plain")
    outcome = relearn(plan, simulator, Adapters(folder / "adapters"), folder / "runs")
    assert outcome.adapter is not None
    return outcome.adapter.gguf.read_bytes(), outcome


@pytest.mark.parametrize("phase", PHASES)
def test_power_lost_in_any_phase_costs_nothing_but_time(
    phase: str,
    plan: Plan,  # noqa: F811
    plain: tuple[bytes, Outcome],
    simulator: Verilator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapters = Adapters(tmp_path / "adapters")
    # Whatever was measured, it is found better, so that going live is a phase too.
    monkeypatch.setattr(relearning, "is_better", lambda before, after: True)
    where, name, afterwards = PHASES[phase]
    with monkeypatch.context() as cut:
        cut.setattr(where, name, cutting(getattr(where, name), afterwards=afterwards))
        with pytest.raises(PowerCut):
            relearn(plan, simulator, adapters, tmp_path / "runs")
    half = [one for one in adapters.folder.glob("*") if one.is_dir() and not (one / "manifest.json").exists()]
    live = adapters.live(relearning.label(plan.base))
    assert half == [] and (live is None or phase == "it is live")
    outcome = relearn(plan, simulator, adapters, tmp_path / "runs")
    assert outcome.adapter is not None and outcome.promoted and outcome.problems == ()
    assert outcome.adapter.gguf.read_bytes() == plain[0]
    assert [(one.name, one.samples) for one in outcome.after] == [(one.name, one.samples) for one in plain[1].after]
    assert adapters.live(relearning.label(plan.base)) == outcome.adapter
    assert list((tmp_path / "runs").iterdir()) == []
    # Going live is noted once, so one step back is the base.
    assert adapters.roll_back(relearning.label(plan.base)) == (outcome.adapter.id, None)


def test_an_adapter_of_another_base_is_no_beginning(plan: Plan, plain: tuple[bytes, Outcome], simulator: Verilator, tmp_path: Path) -> None:  # noqa: F811
    other = write_tiny_model(tmp_path / "tiny.gguf", seed=2)
    outcome = relearn(replace(plan, base=other, start=plain[1].adapter), simulator, Adapters(tmp_path / "adapters"), tmp_path / "runs")
    assert outcome.adapter is None and "is of another base model, tiny@" in outcome.problems[0].message


def test_a_base_that_changed_is_another_one(plan: Plan, plain: tuple[bytes, Outcome], simulator: Verilator, tmp_path: Path) -> None:  # noqa: F811
    adapters = Adapters(tmp_path / "adapters")
    base = write_tiny_model(tmp_path / "tiny.gguf")
    first = relearn(replace(plan, base=base), simulator, adapters, tmp_path / "runs").adapter
    assert first is not None
    adapters.promote(first)
    write_tiny_model(base, seed=3)
    # What is live belongs to the file as it was, and is neither used nor learned on from.
    assert adapters.live(relearning.label(base)) is None
    log = Log()
    second = relearn(replace(plan, base=base), simulator, adapters, tmp_path / "runs", tell=log).adapter
    assert second is not None and second.id != first.id and second.base != first.base
    assert any("measuring base" in line for line in log.lines)


FULL = """
import resource, sys
from pathlib import Path
from llm4cov_training.learn.recipe import Precision, Recipe
from llm4cov_training.learn.tokens import Pack
from llm4cov_training.learn.train import load_base, train
model, _, _ = load_base(Path(sys.argv[1]), Precision.FLOAT32)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
packs = [Pack((5, 6, 7), (5, 6, 7), (0, 1, 2))] * 2
done = train(model, packs, Recipe(rank=4, epochs=1, save_every=int(sys.argv[4]), precision=Precision.FLOAT32), Path(sys.argv[2]))
print([str(one) for one in done.problems], done.weights)
"""


@pytest.mark.parametrize("save_every", [1, 50])
def test_a_disk_that_takes_no_more_is_said_and_leaves_no_weights(plan: Plan, tmp_path: Path, save_every: int) -> None:  # noqa: F811
    arguments = [str(plan.base), str(tmp_path / "run"), "20000", str(save_every)]
    ended = subprocess.run([sys.executable, "-c", FULL, *arguments], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0 and "can't be" in ended.stdout and "Make room" in ended.stdout and ended.stdout.strip().endswith("None"), (
        ended
    )
    assert not (tmp_path / "run" / "weights").exists()
