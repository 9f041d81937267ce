"""From a testbench that exists: bettered, mended, or brought to one point more, by the command line and by `go_on`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from llm4cov_agent.bench.testbench import Language
from llm4cov_agent.cli.testbench import read_present
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import RunStatus, SimulationLimits
from llm4cov_agent.judge.verilator import Verilator
from llm4cov_agent.loop.generate import PolicyName
from llm4cov_agent.loop.going_on import GoneOn, go_on
from llm4cov_agent.loop.planning import ModelOptions
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from tests.acceptance.test_loop import run
from tests.served import served

pytestmark = pytest.mark.acceptance

LOCK = """module lock(input logic clk, input logic rst, input logic [7:0] key, output logic [1:0] q);
  always_ff @(posedge clk)
    if (rst) q <= 0;
    else if (q == 3) q <= 0;
    else if (key == 8'ha7) q <= 1;
    else if (key == 8'h3c && q == 1) q <= 2;
endmodule
"""
BY_HAND = """module tb_lock;
  logic clk = 0, rst = 1;
  logic [7:0] key = 0;
  logic [1:0] q;
  lock dut (.*);
  always #5 clk = ~clk;
  initial begin
    #22 rst = 0;
    #40 $finish;
  end
endmodule
"""
NEVER, LOCKED = 4, 6
"""Lines of a branch that can't be taken, and of one that needs two keys in a row."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lock.sv").write_text(LOCK)
    monkeypatch.setenv("LLM4COV_STORE", str(tmp_path / "own.db"))
    return tmp_path


def _design(folder: Path) -> Design:
    design, problems = elaborate(FileSet(sources=(folder / "lock.sv",)), search=False)
    assert design is not None, problems
    return design


def _gone_on(
    folder: Path,
    testbench: Path,
    simulator: Verilator,
    *,
    line: int | None = None,
    policy: PolicyName = PolicyName.CLOSURE,
    options: ModelOptions | None = None,
) -> tuple[GoneOn | None, str]:
    """Go on from a testbench; with a line, to what its condition leads to."""
    design, limits = _design(folder), SimulationLimits()
    present, problems = read_present(testbench, design, store=folder / "own.db", seed=1, limits=limits)
    assert present is not None, problems
    point = None
    if line is not None:
        measured = simulator.run(present.job)
        assert measured.coverage is not None, measured
        missed = [one for one in measured.coverage.missed() if one.line == line and one.comment in ("if", "elsif")]
        point = missed[0].id
    plan = (options or ModelOptions()).plan(policy, Language.SYSTEMVERILOG, seed=1, budget_s=25, limits=limits)
    gone, problems = go_on(design, simulator, plan, present, point=point)
    return gone, "\n".join(str(problem) for problem in problems)


def _generated(folder: Path, cache_dir: Path, name: str = "tb_lock.sv") -> Path:
    run(folder, cache_dir, "generate", "lock.sv", "--policy", "random", "--cycles", "30", "-o", name, status=0)
    return folder / name


def test_a_testbench_of_ours_keeps_its_sequences_when_it_is_bettered(folder: Path, cache_dir: Path) -> None:
    before = _generated(folder, cache_dir).read_text()
    done = run(folder, cache_dir, "generate", "lock.sv", "--from", "tb_lock.sv", "-o", "better.sv", "--budget-s", "20", status=0)
    tasks = re.findall(r"task automatic (\w+)", before)
    after = (folder / "better.sv").read_text()
    assert tasks and all(f"task automatic {name}" in after for name in tasks)
    assert re.search(r"it hits \d+ points that tb_lock.sv does not; that one covers", done.messages)
    again = run(folder, cache_dir, "generate", "lock.sv", "--from", "better.sv", "-o", "no.sv", "--budget-s", "6", status=0)
    assert "nothing better was found than better.sv" in again.messages and not (folder / "no.sv").exists()


def test_what_a_person_wrote_gets_a_further_testbench_beside_it(folder: Path, cache_dir: Path) -> None:
    (folder / "tb_lock.sv").write_text(BY_HAND)
    done = run(folder, cache_dir, "generate", "lock.sv", "--from", "tb_lock.sv", "--budget-s", "20", status=0)
    assert (folder / "tb_lock.sv").read_text() == BY_HAND
    assert (folder / "tb_lock_more.sv").is_file() and "run both" in done.messages


def test_one_point_is_reached_and_all_before_is_kept(folder: Path, cache_dir: Path, simulator: Verilator) -> None:
    gone, problems = _gone_on(folder, _generated(folder, cache_dir), simulator, line=LOCKED)
    assert gone is not None and gone.outcome is not None and gone.replaces, problems
    before = {hole.point for hole in gone.before.holes}
    after = {hole.point for hole in gone.outcome.evaluation.holes}
    assert after < before and before - after == gone.gained
    assert any(point.line == LOCKED and point.comment in ("if", "elsif") for point in gone.gained)


def test_one_point_more_than_a_testbench_by_hand(folder: Path, simulator: Verilator) -> None:
    path = folder / "tb_lock.sv"
    path.write_text(BY_HAND)
    gone, problems = _gone_on(folder, path, simulator, line=LOCKED)
    assert gone is not None and gone.outcome is not None and not gone.replaces, problems
    assert any(point.line == LOCKED and point.comment in ("if", "elsif") for point in gone.gained)


def test_a_point_that_can_not_be_reached_is_said_to_be_so(folder: Path, simulator: Verilator) -> None:
    path = folder / "tb_lock.sv"
    path.write_text(BY_HAND)
    gone, problems = _gone_on(folder, path, simulator, line=NEVER)
    assert gone is not None and gone.outcome is None and gone.verdict is not None, problems
    assert gone.verdict.kind is VerdictKind.UNREACHABLE and gone.verdict.reason


def test_a_testbench_of_ours_is_mended_after_a_port_was_renamed(folder: Path, cache_dir: Path, simulator: Verilator) -> None:
    path = _generated(folder, cache_dir)
    (folder / "lock.sv").write_text(LOCK.replace("key", "code"))
    gone, problems = _gone_on(folder, path, simulator)
    assert gone is not None and gone.before.status is RunStatus.BUILD_FAILED, problems
    assert gone.outcome is not None and gone.replaces
    assert gone.outcome.evaluation.status is RunStatus.OK and ".code(code)" in gone.outcome.testbench.text.replace(" ", "")


def test_a_broken_testbench_by_hand_is_left_to_a_model(folder: Path, simulator: Verilator) -> None:
    path = folder / "tb_lock.sv"
    path.write_text(BY_HAND.replace("logic [1:0] q;", ""))
    gone, problems = _gone_on(folder, path, simulator)
    assert gone is None and "needs a model" in problems

    reply = f"Here it is.\n\nFile: tb_lock.sv\n```systemverilog\n{BY_HAND}```\n"
    with served([reply]) as server:
        options = ModelOptions(model="m", endpoint=server.url)
        gone, problems = _gone_on(folder, path, simulator, policy=PolicyName.ENDPOINT, options=options)
        [prompt] = [request["messages"][-1]["content"] for request in server.asked[:1]]
    assert "does not compile" in prompt and "lock dut" in prompt
    assert gone is not None and gone.outcome is not None and gone.replaces, problems
    assert gone.outcome.evaluation.status is RunStatus.OK
    assert "logic [1:0] q;" not in path.read_text()
