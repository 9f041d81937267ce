"""The worker as a process: it answers in lines, takes no harm from nonsense, and ends with its standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from llm4cov_agent.judge.process import OwnProgram
from llm4cov_lsp.wire import EventKind, Order, Request, RequestKind, read_event, written


def test_a_worker_outlines_a_design_and_ends_with_its_input(tmp_path: Path) -> None:
    good, bad = tmp_path / "m.sv", tmp_path / "bad.sv"
    good.write_text("module m(input logic clk, output logic q);\n  always_ff @(posedge clk) q <= !q;\nendmodule\n")
    bad.write_text("module bad(input logic clk);\n  assign = ;\nendmodule\n")
    worker = OwnProgram((sys.executable, "-m", "llm4cov_lsp.worker"))
    try:
        assert worker.tell(b"no message")
        for number, file in enumerate((good, bad), 1):
            worker.tell(written(Order(job=number, request=Request(kind=RequestKind.OUTLINE, file=str(file), top=file.stem))))
        results = {}
        for line in worker.lines():
            event = read_event(line)
            if event is not None and event.kind is EventKind.RESULT and event.result is not None:
                results[event.job] = event.result
            if len(results) == 2:
                break
        assert results[1].status == "elaborated" and [one.path for one in results[1].rests_on] == [str(good)]
        assert results[2].status == "build_failed"
        errors = [one for one in results[2].problems if one.severity == "error"]
        assert errors and errors[0].file == str(bad) and errors[0].line == 2
        assert worker._child.stdin is not None
        worker._child.stdin.close()
        assert worker._child.wait(timeout=10) == 0
        assert not worker.tell(b"{}")
    finally:
        worker.end()


def test_a_program_of_ours_that_is_ended_says_by_what() -> None:
    program = OwnProgram(("/bin/sh", "-c", "sleep 60"))
    assert program.end() == -9
    assert list(program.lines()) == []
