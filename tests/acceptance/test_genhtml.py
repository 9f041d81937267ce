"""genhtml, of Debian's lcov, loads the tracefile."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from llm4cov_agent.judge.coverage import Coverage, CoveragePoint, Kind
from llm4cov_agent.judge.lcov import to_lcov


@pytest.mark.acceptance
def test_genhtml_counts_the_same_lines_and_branches(tmp_path: Path) -> None:
    source = tmp_path / "a.sv"
    source.write_text("module a(input b, output logic c);\n  always_comb\n    if (b) c = 1;\n    else c = 0;\nendmodule\n")
    block = CoveragePoint(Kind.LINE, str(source), 2, 3, "block")
    then = CoveragePoint(Kind.BRANCH, str(source), 3, 5, "if")
    other = CoveragePoint(Kind.BRANCH, str(source), 3, 6, "else")
    coverage = Coverage({block: 3, then: 3, other: 0}, lines={block: (2,), then: (3,), other: (4,)})
    tracefile = tmp_path / "cover.info"
    tracefile.write_text(to_lcov(coverage, name_of=str))
    done = subprocess.run(
        ["genhtml", "--branch-coverage", "-o", str(tmp_path / "html"), str(tracefile)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 of 3 lines" in done.stdout
    assert "1 of 2 branches" in done.stdout
    assert list((tmp_path / "html").rglob("a.sv.gcov.html"))
