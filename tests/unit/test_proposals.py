"""What a job proposes as one value, what is said of it, and which files are testbenches beside the first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llm4cov_lsp.project import is_further_testbench
from llm4cov_lsp.proposals import proposal_of
from llm4cov_lsp.records import FileDigest, Proposed, Result
from llm4cov_lsp.settings import DEFAULTS
from llm4cov_lsp.wire import Request, RequestKind

REQUEST = Request(kind=RequestKind.GO_ON, file="/x/m.sv", top="m", testbench="/x/tb_m.sv")
RESTS_ON = (FileDigest(path="/x/m.sv", digest="sha256:0"),)
BEFORE = Result(top="m", status="ok", overall=40.0, reachable=50.0, testbench="/x/tb_m.sv", rests_on=RESTS_ON)
FOUND = Proposed(text="module tb;", digest="sha256:1", trajectory="t", overall=90.0, reachable=95.0, gained=7, ended="done")


def test_a_generated_testbench_and_one_that_goes_on_are_proposals_of_one_kind() -> None:
    generated = replace(BEFORE, testbench=None, testbench_text="module tb;", testbench_digest="sha256:1", trajectory="t", ended="done")
    one = proposal_of(replace(REQUEST, kind=RequestKind.GENERATE), generated)
    assert one is not None and one.goes_on is None and one.about == "40.0 % overall; done"
    other = proposal_of(REQUEST, replace(BEFORE, proposed=FOUND))
    assert other is not None and other.goes_on is not None
    assert (one.text, one.digest, one.trajectory, one.rests_on) == (other.text, other.digest, other.trajectory, other.rests_on)
    assert (other.overall, other.goes_on.overall, other.goes_on.testbench) == (90.0, 40.0, Path("/x/tb_m.sv"))


@pytest.mark.parametrize("proposed", [None, Proposed()])
def test_a_job_that_comes_to_no_text_proposes_nothing(proposed: Proposed | None) -> None:
    assert proposal_of(REQUEST, replace(BEFORE, proposed=proposed)) is None


@pytest.mark.parametrize(
    ("overall", "replaces", "said"),
    [
        (40.0, True, "90.0 % overall, before 40.0 %; hits 7 more points"),
        (None, True, "90.0 % overall, before it did not run; hits 7 more points"),
        (40.0, False, "hits 7 points that tb_m.sv leaves, 90.0 % by itself"),
    ],
)
def test_what_it_is_worth_is_said_beside_the_testbench_that_is_there(overall: float | None, replaces: bool, said: str) -> None:
    result = replace(BEFORE, overall=overall, proposed=replace(FOUND, replaces=replaces))
    one = proposal_of(REQUEST, result)
    assert one is not None and one.about == said


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("tb_m_2.sv", True),
        ("tb_m_more.sv", True),
        ("tb/tb_m_more_3.sv", True),
        ("tb_m.sv", False),
        ("tb_m_other.sv", False),
        ("tb_m_2.v", False),
        ("tb_n_2.sv", False),
        ("far/tb_m_2.sv", False),
    ],
)
def test_a_further_testbench_is_known_by_its_name(tmp_path: Path, name: str, is_one: bool) -> None:
    (tmp_path / "tb_m.sv").touch()
    assert is_further_testbench(tmp_path / name, tmp_path / "m.sv", "m", DEFAULTS) is is_one
