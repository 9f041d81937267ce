"""What a report is made of: instances and bits taken apart, and the message with what is stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, InstancePoint, Kind, Tally
from llm4cov_agent.judge.evaluator import Evaluation
from llm4cov_agent.judge.holes import Hole, Verdict, VerdictKind
from llm4cov_agent.judge.simulator import Run, RunStatus
from llm4cov_agent.rtl.design import Design, Direction, Instance, Port
from llm4cov_agent.rtl.source import Span
from llm4cov_agent.trajectories.records import summary_record
from llm4cov_agent.trajectories.trajectory import Acceptance, Answer, Round, Summary
from llm4cov_lsp.breakdown import MOST_BITS, instances_of, ports_of
from llm4cov_lsp.features.report import report_message
from llm4cov_lsp.protocol import MOST_HOLES, as_json
from llm4cov_lsp.records import FileDigest, FileResult, HoleRecord, LineTally, Result
from llm4cov_lsp.results import Results
from llm4cov_lsp.wire import Request, RequestKind

FILE = "/x/top.sv"


def _span(line: int) -> Span:
    return Span(FILE, line, 1, line, 9)


def _design(width: int = 4) -> Design:
    return Design(
        top="top",
        files=(),
        ports=(
            Port(name="clk", direction=Direction.INPUT, width=1, span=_span(1)),
            Port(name="q", direction=Direction.OUTPUT, width=width, span=_span(2)),
            Port(name="never_seen", direction=Direction.INPUT, width=1, span=_span(3)),
        ),
        instances=(Instance("top", "top", _span(1)), Instance("top.u_b", "leaf", _span(5)), Instance("top.u_a", "leaf", _span(4))),
    )


def _evaluation(hits: dict[tuple[str, str], int], unreachable: tuple[str, ...] = ()) -> Evaluation:
    """Hits by comment and instance."""
    instances = {
        InstancePoint(CoveragePoint(Kind.TOGGLE if ":" in comment else Kind.LINE, FILE, 1, 1, comment), hier): count
        for (comment, hier), count in hits.items()
    }
    sums: dict[CoveragePoint, int] = {}
    for entry, count in instances.items():
        sums[entry.point] = sums.get(entry.point, 0) + count
    coverage = Coverage(sums, instances)
    proof = Verdict(VerdictKind.UNREACHABLE, reason="proved")
    holes = tuple(Hole(point, "", proof) for point in coverage.missed() if point.comment in unreachable)
    return Evaluation(run=Run(status=RunStatus.OK, coverage=coverage), problems=(), tallies=coverage.tallies(), holes=holes, cycles=None)


def test_bits_of_ports_come_from_the_tops_own_instance_the_highest_first() -> None:
    hits = {
        ("q[0]:0->1", "tb.dut"): 3,
        ("q[0]:1->0", "tb.dut"): 2,
        ("q[10]:0->1", "tb.dut"): 0,
        ("q[10]:1->0", "tb.dut"): 0,
        ("q[2]:0->1", "tb.dut"): 1,
        ("q[2]:1->0", "tb.dut"): 0,
        ("clk:0->1", "tb.dut"): 9,
        ("clk:1->0", "tb.dut"): 8,
        # Neither a port of an instance nor what a generate block declares is the top's port.
        ("q[7]:0->1", "tb.dut.u_a"): 5,
        ("g[0].q[5]:0->1", "tb.dut"): 5,
    }
    clk, q = ports_of(_design(), _evaluation(hits, unreachable=("q[10]:0->1",)))
    assert (clk.name, clk.direction, [(one.label, one.rose, one.fell) for one in clk.bits]) == ("clk", "input", [("", 9, 8)])
    assert [(one.label, one.rose, one.fell) for one in q.bits] == [("[10]", 0, 0), ("[2]", 1, 0), ("[0]", 3, 2)]
    assert [(one.never_rises, one.never_falls) for one in q.bits] == [(True, False), (False, False), (False, False)]


def test_what_of_a_wide_port_is_left_out_is_counted() -> None:
    hits = {(f"q[{bit}]:0->1", "tb.dut"): 1 for bit in range(MOST_BITS + 5)}
    (q,) = ports_of(_design(MOST_BITS + 5), _evaluation(hits))
    assert (len(q.bits), q.left_out, q.bits[0].label) == (MOST_BITS, 5, f"[{MOST_BITS + 4}]")


def test_instances_come_in_the_order_of_the_design_the_top_first() -> None:
    hits = {
        ("block", "tb.dut.u_a"): 1,
        ("else", "tb.dut.u_a"): 0,
        ("block", "tb.dut"): 2,
        ("block", "tb.dut.u_b"): 0,
        ("if", "tb.dut.*"): 1,
    }
    found = instances_of(_design(), _evaluation(hits, unreachable=("else",)))
    assert [(one.path, one.module) for one in found] == [("top", "top"), ("u_b", "leaf"), ("u_a", "leaf")]
    assert [[(each.covered, each.total, each.unreachable) for each in one.tallies] for one in found] == [
        [(1, 1, 0)],
        [(0, 1, 0)],
        [(1, 2, 1)],
    ]


def _round(number: int, covered: int, **more: object) -> Round:
    values: dict[str, object] = {
        "number": number,
        "digest": f"r{number}",
        "policy": "closure",
        "model": None,
        "instruction": "generate",
        "kept": True,
        "ended": None,
        "status_before": "ok",
        "status": "ok",
        "before": {},
        "after": {Kind.LINE: Tally(covered, 10)},
        "prompt_tokens": None,
        "completion_tokens": None,
        "policy_s": 1.5,
        "judge_s": 0.5,
        "testbench": "t",
    }
    return Round(**(values | more))  # type: ignore[arg-type]


def test_the_message_says_what_is_known_and_what_is_stored(tmp_path: Path) -> None:
    source = tmp_path / "top.sv"
    source.write_text("module top; endmodule\n")
    digest = digest_bytes(source.read_bytes())
    hole = HoleRecord(id="", ids=("",), comments=("else",), kind="branch", line=1, column=1, sentence="s", detail="d", verdict="unknown")
    holes = tuple(replace(hole, id=str(number), ids=(str(number),)) for number in range(MOST_HOLES + 3))
    file = FileResult(
        path=str(source),
        digest=digest,
        holes=holes,
        tallies=(LineTally(line=1, kind="line", covered=1, total=2), LineTally(line=2, kind="line", covered=2, total=2)),
    )
    result = Result(top="top", status="ok", overall=75.0, files=(file,), rests_on=(FileDigest(path=str(source), digest=digest),))
    held = Results().take("k", Request(kind=RequestKind.MEASURE, file=str(source), top="top"), result)
    rounds = (_round(0, 4), _round(1, 7, before={Kind.LINE: Tally(4, 10)}, prompt_tokens=100, completion_tokens=20, policy="llama"))
    answers = tuple(Acceptance(answer, "t", "", "2026-01-01") for answer in (Answer.ACCEPTED, Answer.UNDONE))
    stored = summary_record(
        Summary(id="i", design="d", top="top", command="generate", began="2026-01-01", rounds=rounds, acceptances=answers)
    )

    message = report_message(source.as_uri(), "top", held, [stored], version="1.2")
    assert (message.status, message.overall, message.stale, message.testbench) == ("ok", 75.0, False, None)
    [told] = message.files
    assert [(one.kind, one.covered, one.total) for one in told.tallies] == [("line", 3, 4)]
    assert (len(told.holes), told.left_out) == (MOST_HOLES, 3)
    [trajectory] = message.trajectories
    assert trajectory.answer == "undone"
    first, second = trajectory.rounds
    assert (first.number, first.before, first.after, first.covered_before, first.covered, first.tokens) == (1, None, 40.0, None, 4, None)
    assert (second.before, second.covered_before, second.covered, second.tokens, second.seconds) == (40.0, 4, 7, 120, 2.0)
    assert [(one.covered, one.total) for one in second.tallies] == [(7, 10)]
    assert as_json(message)["trajectories"][0]["rounds"][1]["coveredBefore"] == 4  # type: ignore[index,call-overload]

    source.write_text("module top; wire w; endmodule\n")
    assert report_message(source.as_uri(), "top", held, [], version="1.2").stale
    nothing = report_message(source.as_uri(), "top", None, [], version="1.2")
    assert (nothing.status, nothing.stale, nothing.files, nothing.trajectories) == (None, False, (), ())
