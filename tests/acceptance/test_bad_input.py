"""Bad input to the real command: exit status 2, a message with the place and what to do, no traceback, nothing written."""

from __future__ import annotations

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
