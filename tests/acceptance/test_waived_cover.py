"""`cover` with waivers and SARIF: what is excluded, how it is counted, and a log that code scanning services take."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.acceptance
PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")
DESIGN = """\
module gate(input logic clk, rst, a, b, output logic q);
  logic never;
  assign never = a && !a;
  always_ff @(posedge clk)
    if (rst) q <= 1'b0;
    else if (never) q <= b;
    else if (b) q <= a;
endmodule
"""
BENCH = """\
module tb;
  logic clk = 0, rst = 1, a = 0, b = 0, q;
  gate dut(.*);
  always #5 clk = ~clk;
  initial begin
    #12 rst = 0; a = 1; #10 a = 0; #20 $finish;
  end
endmodule
"""


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "rtl of mine").mkdir()
    (tmp_path / "rtl of mine" / "gate.sv").write_text(DESIGN)
    (tmp_path / "tb.sv").write_text(BENCH)
    return tmp_path


def judgement(folder: Path) -> None:
    """Exclude by hand what the proof does not."""
    path = folder / "w.toml"
    holes = json.loads(call(folder, "cover", "rtl of mine/gate.sv", "--tb", "tb.sv", "--json").stdout)["holes"]
    digest = next(line for line in path.read_text().splitlines() if line.startswith("source_digest"))
    for hole in [one for one in holes if one["kind"] == "toggle" and one["comment"].startswith("q:")]:
        keys = {key: hole[key] for key in ("kind", "file", "line", "column", "comment")} | {"reason": "q is not used"}
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        path.write_text(path.read_text() + "\n".join(["", "[[waiver]]", *lines, digest, ""]))


def test_cover_leaves_out_what_is_waived_and_says_so_in_every_form(folder: Path) -> None:
    rtl = "rtl of mine/gate.sv"
    assert call(folder, "holes", rtl, "--tb", "tb.sv", "--prove", "--write-waivers", "w.toml").returncode == 0
    judgement(folder)
    before = json.loads(call(folder, "cover", rtl, "--tb", "tb.sv", "--json").stdout)
    done = call(folder, "cover", rtl, "--tb", "tb.sv", "--json", "--waivers", "w.toml", "--sarif", "out/c.sarif", "--explain")
    record = json.loads(done.stdout)
    waived = record["waived"]
    assert waived["proved"] >= 2 and waived["judged"] == 2
    assert {one["id"] for one in waived["points"]} | {one["id"] for one in record["holes"]} == {one["id"] for one in before["holes"]}
    assert (record["overall"], record["metrics"]) == (before["overall"], before["metrics"]), "the score stays the simulator's"
    assert all(tally["unreachable"] == 0 for tally in record["metrics"].values())
    # By hand, over the metrics: covered / (total - excluded).
    means = [
        100 * tally["covered"] / (tally["total"] - sum(one["kind"] == kind for one in waived["points"]))
        for kind, tally in record["metrics"].items()
    ]
    assert waived["overall"] == pytest.approx(sum(means) / len(means)) and waived["overall"] > record["overall"]

    shown = call(folder, "cover", rtl, "--tb", "tb.sv", "--waivers", "w.toml")
    assert f"{waived['proved']} with a proof, 2 by judgement" in shown.stderr
    assert "overall of what is not excluded" in shown.stdout
    between = f"{(record['overall'] + waived['overall']) / 2:.3f}"
    assert call(folder, "cover", rtl, "--tb", "tb.sv", "--min", between).returncode == 1
    assert call(folder, "cover", rtl, "--tb", "tb.sv", "--min", between, "--waivers", "w.toml").returncode == 0

    log = json.loads((folder / "out" / "c.sarif").read_text())
    check_sarif(log)
    results = log["runs"][0]["results"]
    suppressed = [one for one in results if one["suppressions"]]
    assert {name for one in suppressed for name in one["properties"]["points"]} == {one["id"] for one in waived["points"]}
    assert {one["message"]["text"] for one in results if not one["suppressions"]} == {one["message"] for one in record["told"]}
    assert all(one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "rtl%20of%20mine/gate.sv" for one in results)
    assert any("by judgement" in one["suppressions"][0]["justification"] for one in suppressed)
    lines = DESIGN.splitlines()
    toggle = next(one for one in results if one["ruleId"] == "toggle")
    region = toggle["locations"][0]["physicalLocation"]["region"]
    word = lines[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1]
    assert toggle["message"]["text"].startswith(word)
    assert any(one["relatedLocations"] for one in results)


def test_a_proof_that_a_run_contradicts_is_warned_of(folder: Path) -> None:
    rtl = "rtl of mine/gate.sv"
    call(folder, "holes", rtl, "--tb", "tb.sv", "--prove", "--write-waivers", "w.toml")
    text = (folder / "w.toml").read_text()
    (folder / "w.toml").write_text(text.replace('comment = "never:0->1"', 'comment = "clk:0->1"').replace("line = 2\n", "line = 1\n"))
    column = DESIGN.index("clk") + 1
    entries = (folder / "w.toml").read_text().split("[[waiver]]")
    at = next(number for number, one in enumerate(entries) if "clk:0->1" in one)
    entries[at] = "\n".join(f"column = {column}" if line.startswith("column") else line for line in entries[at].split("\n"))
    (folder / "w.toml").write_text("[[waiver]]".join(entries))
    done = call(folder, "cover", rtl, "--tb", "tb.sv", "--waivers", "w.toml")
    tables = [number for number, line in enumerate((folder / "w.toml").read_text().splitlines(), 1) if line == "[[waiver]]"]
    told = [line for line in done.stderr.splitlines() if "the proof is wrong" in line or "that the simulator does not have" in line]
    # What names no point of the design is told too, each at its entry.
    assert len(told) >= 2 and all(any(f"w.toml:{number}:" in line for number in tables) for line in told), told


def test_a_build_that_fails_is_told_in_the_log(folder: Path) -> None:
    (folder / "tb.sv").write_text(BENCH.replace("dut(.*)", "dut(.*, .nothing(1'b0))"))
    done = call(folder, "cover", "rtl of mine/gate.sv", "--tb", "tb.sv", "--sarif", "c.sarif")
    assert done.returncode == 2
    log = json.loads((folder / "c.sarif").read_text())
    check_sarif(log)
    (run,) = log["runs"]
    assert run["results"] == [] and run["invocations"][0]["executionSuccessful"] is False
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert any(one["level"] == "error" and one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "tb.sv" for one in notes)


def check_sarif(log: dict[str, Any]) -> None:
    """Check what SARIF 2.1.0 demands by a model of it, and what code scanning asks for beyond that."""
    model = pytest.importorskip("sarif_pydantic")
    model.Sarif.model_validate(log)
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    for rule in rules:
        assert rule["id"] and rule["shortDescription"]["text"] and rule["fullDescription"]["text"] and rule["help"]["text"]
        assert rule["helpUri"].startswith("https://") and rule["helpUri"].endswith(f"holes.md#{rule['id']}")
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] == "note" and result["message"]["text"] and result["partialFingerprints"]
        (location,) = result["locations"]
        artifact, region = location["physicalLocation"]["artifactLocation"], location["physicalLocation"]["region"]
        assert artifact["uriBaseId"] in run["originalUriBaseIds"] and "://" not in artifact["uri"] and not artifact["uri"].startswith("/")
        assert 1 <= region["startLine"] <= region["endLine"] and 1 <= region["startColumn"] < region["endColumn"]
