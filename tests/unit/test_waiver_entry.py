"""New entries for a waiver file that somebody has open: where they go, what stays, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm4cov_agent.closure.waiver_entry import Change, added_to, new_file
from llm4cov_agent.closure.waivers import Waiver, read_waivers, waivers_text
from llm4cov_agent.rtl.design import Design
from tests.unit.test_waivers import PROOF, point, read_design


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "child.sv").write_text("module child(input logic a, output logic q);\n  assign q = !a;\nendmodule\n")
    (tmp_path / "rtl" / "top.sv").write_text("module top (input logic a, output logic q);\n  child c(.a(a), .q(q));\nendmodule\n")
    return tmp_path


def entry(folder: Path, design: Design, comment: str, *, reason: str = "no use", proof: str = "") -> Waiver:
    digest = next(file.digest for file in design.files if file.path.name == "child.sv")
    return Waiver(point(folder, comment=comment), reason, proof, digest, design.digest)


def applied(text: str, changes: tuple[Change, ...]) -> str:
    """Do as an editor does: the changes come from the end to the beginning; an insertion goes to the end of its line."""
    lines = text.split("\n")
    for one in changes:
        if one.first == one.last:
            lines[one.first] += one.text
        else:
            lines[one.first : one.last] = one.text.removesuffix("\n").split("\n")
    return "\n".join(lines)


def test_a_new_file_is_what_the_command_line_writes(folder: Path) -> None:
    design = read_design(folder)
    entries = [entry(folder, design, "q:0->1"), entry(folder, design, "q:1->0", proof=PROOF)]
    assert new_file("top", entries, folder) == waivers_text(folder, design, entries)


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\n# a remark without an end"])
def test_an_entry_is_added_behind_what_is_there_and_nothing_else_changes(folder: Path, ending: str) -> None:
    design, path = read_design(folder), folder / "w.toml"
    text = new_file("top", [entry(folder, design, "q:0->1", reason="mine")], folder).rstrip("\n") + ending
    new = [entry(folder, design, "q:1->0", proof=PROOF), entry(folder, design, "a:1->0")]
    changes, problems = added_to(text, new, path)
    assert problems == ()
    after = applied(text, changes)
    assert after.startswith(text)
    path.write_text(after)
    accepted, reopened, found = read_waivers(path, design)
    assert (reopened, found) == ((), ())
    assert [(one.point.comment, one.reason, one.proof) for one in accepted] == [
        ("q:0->1", "mine", ""),
        ("q:1->0", "no use", PROOF),
        ("a:1->0", "no use", ""),
    ]
    (change,) = changes
    assert change.text.split("\n")[change.reason_line] == 'reason = "no use"'


def test_an_old_entry_for_the_point_is_replaced_in_its_place(folder: Path) -> None:
    design, path = read_design(folder), folder / "w.toml"
    first, second, third = (entry(folder, design, comment) for comment in ("q:0->1", "q:1->0", "a:1->0"))
    text = new_file("top", [first, second, third], folder).replace(design.digest, "sha256:old") + "# the end\n"
    changes, problems = added_to(text, [entry(folder, design, "q:1->0", reason="proved", proof=PROOF)], path)
    assert problems == ()
    after = applied(text, changes)
    assert after.endswith("# the end\n")
    path.write_text(after)
    accepted, _, found = read_waivers(path, design)
    assert found == ()
    assert [(one.point.comment, one.proof, one.design_digest == design.digest) for one in accepted] == [
        ("q:0->1", "", False),
        ("q:1->0", PROOF, True),
        ("a:1->0", "", False),
    ]


def test_a_file_that_is_no_toml_is_left_alone(folder: Path) -> None:
    changes, (problem,) = added_to("[[waiver]\n", [entry(folder, read_design(folder), "q:0->1")], folder / "w.toml")
    assert changes == ()
    assert problem.line == 1
