"""Bad input to the real command: exit status 2, a message with the place and what to do, no traceback, nothing written.

Designs out of the ordinary: a verdict or a clear limitation for each hole, and no proof of what a run can reach.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

GOOD = "module good(input logic clk, d, output logic q);\n  always_ff @(posedge clk) q <= d;\nendmodule\n"
TESTBENCH = (
    "module tb;\n  logic clk = 0, d = 0, q;\n  good dut(.*);\n  always #5 clk = ~clk;\n"
    "  initial begin repeat (3) @(negedge clk) d = ~d; $finish; end\nendmodule\n"
)


@dataclass(frozen=True)
class Bad:
    """A command line in a folder with some files, and what its messages must hold."""

    name: str
    arguments: tuple[str, ...]
    says: tuple[str, ...]
    files: dict[str, str | bytes] = field(default_factory=dict)


CASES = (
    Bad("syntax error", ("generate", "a.sv"), ("a.sv:2:", "error:"), {"a.sv": "module a(input logic x);\n  assign = x;\nendmodule\n"}),
    Bad("unknown module", ("generate", "a.sv"), ("a.sv:2:", "nowhere"), {"a.sv": "module a(input logic x);\n  nowhere u(x);\nendmodule\n"}),
    Bad("no module", ("generate", "a.sv"), ("a.sv", "module"), {"a.sv": "// nothing here\n"}),
    Bad(
        "two tops",
        ("generate", "a.sv"),
        ("one", "two", "--top"),
        {"a.sv": "module one(input logic x);\nendmodule\nmodule two(input logic x);\nendmodule\n"},
    ),
    Bad("no such top", ("generate", "good.sv", "--top", "bad"), ("bad", "good")),
    Bad("empty file", ("generate", "a.sv"), ("a.sv", "is empty"), {"a.sv": ""}),
    Bad("binary file", ("generate", "a.sv"), ("a.sv", "binary"), {"a.sv": b"\x7fELF\0\0\0" + bytes(range(256))}),
    Bad("random bytes", ("generate", "a.sv"), ("a.sv",), {"a.sv": bytes(range(1, 256)) * 40}),
    Bad("folder", ("generate", "."), ("folder",)),
    Bad("missing file", ("generate", "gone.sv"), ("gone.sv", "no such file")),
    Bad("include cycle", ("generate", "a.sv"), ("a.sv",), {"a.sv": '`include "a.sv"\nmodule a(input logic x);\nendmodule\n'}),
    Bad(
        "missing include",
        ("generate", "a.sv"),
        ("a.sv:1:", "gone.svh", "-I"),
        {"a.sv": '`include "gone.svh"\nmodule a(input logic x);\nendmodule\n'},
    ),
    Bad("filelist with itself", ("generate", "-f", "list.f"), ("list.f:2",), {"list.f": "good.sv\n-f list.f\n"}),
    Bad("filelist with a missing file", ("generate", "-f", "list.f"), ("list.f:1", "gone.sv"), {"list.f": "gone.sv\n"}),
    Bad("missing filelist", ("generate", "-f", "gone.f"), ("gone.f",)),
    Bad("no file", ("generate",), ("no Verilog file",)),
    Bad("output exists", ("generate", "good.sv", "-o", "kept.sv"), ("kept.sv", "--force"), {"kept.sv": "// mine\n"}),
    Bad("output is a folder", ("generate", "good.sv", "-o", "."), ("folder",)),
    Bad("output is a device", ("generate", "good.sv", "-o", "/dev/null", "--force"), ("/dev/null", "ordinary file")),
    Bad("output in a missing folder", ("generate", "good.sv", "-o", "gone/tb.sv"), ("gone/tb.sv", "mkdir")),
    Bad("-G without a value", ("generate", "good.sv", "-G", "W"), ("-G W", "NAME=VALUE")),
    Bad("unknown parameter", ("generate", "good.sv", "-G", "NONE=3"), ("NONE",)),
    Bad("-I that is no folder", ("generate", "good.sv", "-I", "gone"), ("gone", "-I")),
    Bad("unknown option", ("generate", "good.sv", "--wrong"), ("--wrong",)),
    Bad("unknown command", ("generrate", "good.sv"), ("generrate",)),
    Bad("--tb missing", ("cover", "good.sv"), ("--tb",)),
    Bad("a --min above 100", ("cover", "good.sv", "--tb", "tb.sv", "--min", "101"), ("--min",)),
    Bad("no number of seconds", ("cover", "good.sv", "--tb", "tb.sv", "--run-s", "nan"), ("--run-s",)),
    Bad("endless seconds", ("cover", "good.sv", "--tb", "tb.sv", "--run-s", "inf"), ("--run-s",)),
    Bad("testbench missing", ("cover", "good.sv", "--tb", "gone.sv"), ("gone.sv", "no such file")),
    Bad(
        "testbench with a syntax error",
        ("cover", "good.sv", "--tb", "a.sv"),
        ("a.sv:2:",),
        {"a.sv": "module t;\n  good dut(;\nendmodule\n"},
    ),
    Bad(
        "testbench with an unknown module",
        ("cover", "good.sv", "--tb", "a.sv"),
        ("a.sv:2:", "goood"),
        {"a.sv": "module t;\n  goood dut();\nendmodule\n"},
    ),
    Bad(
        "testbench that instantiates nothing",
        ("cover", "good.sv", "--tb", "a.sv"),
        ("a.sv", "instantiate"),
        {"a.sv": "module t;\n  initial $finish;\nendmodule\n"},
    ),
    Bad("testbench without a module", ("cover", "good.sv", "--tb", "a.sv"), ("a.sv",), {"a.sv": "// later\n"}),
    Bad("empty testbench", ("cover", "good.sv", "--tb", "a.sv"), ("a.sv", "is empty"), {"a.sv": ""}),
    Bad("cocotb file without a test", ("cover", "good.sv", "--tb", "a.py"), ("a.py", "@cocotb.test()"), {"a.py": "import cocotb\n"}),
    Bad(
        "black box under a sweep",
        ("generate", "a.sv", "--sweep"),
        ("a.sv:2:", "vendor_cell"),
        {"a.sv": "module a #(parameter W = 1)(input logic clk, d, output logic q);\n  vendor_cell u(.clk, .d, .q);\nendmodule\n"},
    ),
    Bad(
        "black box to be proved",
        ("holes", "a.sv", "--tb", "tb.sv", "--prove", "--explain"),
        ("a.sv:2:", "vendor_cell"),
        {"a.sv": "module good(input logic clk, d, output logic q);\n  vendor_cell u(.clk, .d, .q);\nendmodule\n"},
    ),
    Bad("lcov onto a folder", ("cover", "good.sv", "--tb", "tb.sv", "--lcov", "."), ("--lcov",)),
)


def call(arguments: tuple[str, ...], folder: Path, cache: Path) -> tuple[int, str, str]:
    """Run the command; exit status, standard output, standard error."""
    environment = os.environ | {"LLM4COV_CACHE_DIR": str(cache), "COLUMNS": "200", "NO_COLOR": "1"}
    program = Path(sys.executable).parent / "llm4cov-lsp"
    done = subprocess.run(
        [str(program), *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=1200, check=False
    )
    return done.returncode, done.stdout, done.stderr


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.name)
def test_bad_input(bad: Bad, tmp_path: Path, cache_dir: Path) -> None:
    for name, text in ({"good.sv": GOOD, "tb.sv": TESTBENCH} | bad.files).items():
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    before = contents(tmp_path)
    status, printed, said = call(bad.arguments, tmp_path, cache_dir)
    assert status == 2, said
    assert printed == ""
    assert "Traceback" not in said
    for words in bad.says:
        assert words in said
    assert contents(tmp_path) == before


@dataclass(frozen=True)
class Odd:
    """A design with a testbench that leaves inputs at 0. Only branches on lines that end in `// dead` can't be taken."""

    name: str
    ports: str
    body: str


ODD = (
    Odd(
        "two drivers of a tri-state bus",
        "input logic clk, oa, ob, input logic [3:0] x, y, output logic q",
        """\
  wire [3:0] bus;
  assign bus = oa ? x : 4'bz;
  assign bus = ob ? y : 4'bz;
  always_ff @(posedge clk)
    if (oa && ob && bus == 4'd6) q <= 1;
    else if (bus == 4'd9) q <= 0;
""",
    ),
    Odd(
        "latch that is transparent",
        "input logic en, input logic [3:0] x, output logic [3:0] y, output logic q",
        """\
  always_latch
    if (en) y = x;
  always_comb begin
    q = 0;
    if (y == 4'd9 && !en) q = 1;
    if (en && y != x) q = 1; // dead
  end
""",
    ),
    Odd(
        "registers without a value and comparisons with X",
        "input logic clk, rst, x, output logic [2:0] y, output logic q",
        """\
  logic [2:0] unset;
  always_ff @(posedge clk)
    if (rst) y <= 0;
    else y <= {y[1:0], x};
  always_ff @(posedge clk) begin
    q <= 1;
    if (unset == 3'd5) q <= 0;
    if ((y[0] ^ unset[0]) === 1'bx) q <= 0;
    if (y == 3'd7) q <= 0;
  end
""",
    ),
    Odd(
        "no inputs and a memory of megabytes",
        "output logic q",
        """\
  logic [7:0] store [0:4194303];
  always_comb begin
    q = 0;
    if (store[77] == 8'd3) q = 1;
    if (q && store[77] != 8'd3) q = 0; // dead
  end
""",
    ),
)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_every_hole_of_an_odd_design_has_a_verdict_and_no_wrong_proof(odd: Odd, tmp_path: Path, cache_dir: Path) -> None:
    text = f"module d({odd.ports});\n{odd.body}endmodule\n"
    (tmp_path / "d.sv").write_text(text)
    names = [part.split()[-1] for part in odd.ports.split(",")]
    inputs = names[: odd.ports.split(", output")[0].count(",") + 1] if odd.ports.startswith("input") else []
    # Ports of the testbench stand for its signals, so that their declarations are those of the design.
    signals = ";\n  ".join(odd.ports.replace("input ", "").replace("output ", "").replace(", logic", ";\n  logic").split(";\n  "))
    zeros = "".join(f" {name} = 0;" for name in inputs)
    clocks = " repeat (8) #5 clk = ~clk;" if "clk" in inputs else ""
    (tmp_path / "tb.sv").write_text(f"module tb;\n  {signals};\n  d dut(.*);\n  initial begin{zeros}{clocks} #5 $finish; end\nendmodule\n")
    arguments = ("holes", "d.sv", "--tb", "tb.sv", "--prove", "--explain", "--json", "--budget-s", "5")
    status, printed, said = call(arguments, tmp_path, cache_dir)
    assert status == 0, said + printed
    assert "Traceback" not in said
    holes = json.loads(printed)["holes"]
    assert holes and all(hole["reason"] for hole in holes)
    dead = {number for number, line in enumerate(text.splitlines(), 1) if line.endswith("// dead")}
    taken = [hole for hole in holes if hole["kind"] in ("line", "branch") and hole["verdict"] == "unreachable"]
    assert {hole["line"] for hole in taken} <= dead, taken


def test_a_parameter_that_makes_a_point_impossible_is_named_and_swept(tmp_path: Path, cache_dir: Path) -> None:
    (tmp_path / "d.sv").write_text(
        "module d #(parameter bit EN = 0)(input logic clk, x, output logic q);\n"
        "  always_ff @(posedge clk) begin\n    q <= x;\n    if (EN)\n      if (q) q <= 0;\n  end\nendmodule\n"
    )
    arguments = ("generate", "d.sv", "--sweep", "--budget-s", "20", "--no-store", "--json")
    status, printed, said = call(arguments, tmp_path, cache_dir)
    assert status == 0, said + printed
    record = json.loads(printed)
    branch = next(hole for hole in record["holes"] if hole["kind"] in ("line", "branch") and hole["line"] == 5)
    assert branch["verdict"] == "unreachable" and "`EN`" in branch["reason"], branch
    assert [further["parameters"] for further in record["configurations"]] == [{"EN": "1"}]
    assert record["configurations"][0]["reachable"] == 100.0
