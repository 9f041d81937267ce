"""How long an editor waits for the language server, and how much memory it takes: `python -m benchmarks.editor`.

While a generation runs at full load: hovers, lenses, hints and code actions, in a small file and in a measured one of 10,000 lines in a
workspace of 2,000 files. Verible's server is asked the same about the same files, under the same load. Designs are written here; nothing of
anybody else's is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fixtures import loader
from tests.e2e.conftest import WEAK_TESTBENCH
from tests.e2e.raw import Raw, raw

from benchmarks.results import write
from llm4cov_agent.digest import Json

BARS = {"p50_ms": 10, "p99_ms": 50, "persisted_ms": 300, "fresh_ms": 5000, "open_ms": 2000, "memory_mib": 250}
_PATIENCE_S = 300
VERIBLE = Path(sys.executable).parent / "verible-verilog-ls"
_VAULT = """module vault (
  input logic clk,
  input logic rst,
  input logic [31:0] a,
  input logic [31:0] b,
  output logic opened
);
  // The product is a prime number above all of the factors: neither a search nor a proof is over soon.
  always_ff @(posedge clk)
    if (rst) opened <= 1'b0;
    else if (64'(a) * 64'(b) == 64'd18446744073709551557) opened <= 1'b1;
endmodule
"""
_BENCH = """module tb_chain;
  logic clk = 0, rst = 1;
  logic [7:0] step = 3, q;
  chain dut (.clk(clk), .rst(rst), .step(step), .q(q));
  always #5 clk = ~clk;
  initial begin
    #22 rst = 0;
    #500 $finish;
  end
endmodule
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="requests of each kind")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--starts", type=int, default=10, help="starts of each server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = dict(os.environ) | {"LLM4COV_STORE": str(folder / "store.db")}
        rows: dict[str, Json] = {
            "start": _starts(folder, environment, arguments.starts),
            "open": _opening(folder, environment),
            "under_load": _under_load(folder, environment, arguments.requests),
            **_large(folder, environment, arguments.lines, arguments.files, arguments.requests),
        }
    _print(rows)
    write("editor", {"options": vars(arguments), "bars": dict(BARS), "load_average": list(os.getloadavg()), **rows})
    return 0


def large_file(lines: int) -> str:
    """Write a chain of small modules as one file."""
    stages, text = 0, ""
    parts: list[str] = []
    # Each stage is its own lines and one more where it is used.
    while sum(part.count("\n") + 1 for part in parts) < lines - 20:
        text = (
            f"module stage_{stages} (\n  input logic clk,\n  input logic rst,\n  input logic [7:0] step,\n  input logic [7:0] below,\n"
            f"  output logic [7:0] q\n);\n  logic wraps;\n  assign wraps = below == 8'd{stages % 251};\n\n  always_ff @(posedge clk)\n"
            "    if (rst) q <= 8'd0;\n    else if (wraps) q <= q ^ step;\n    else q <= q + below;\nendmodule\n\n"
        )
        parts.append(text)
        stages += 1
    uses = "".join(f"  stage_{at} u_{at} (.clk, .rst, .step, .below(links[{at}]), .q(links[{at + 1}]));\n" for at in range(stages))
    top = "module chain (\n  input logic clk,\n  input logic rst,\n  input logic [7:0] step,\n  output logic [7:0] q\n);\n"
    wires = f"  logic [7:0] links [{stages}:0];\n  assign links[0] = step;\n  assign q = links[{stages}];\n"
    return "".join(parts) + top + wires + uses + "endmodule\n"


def _starts(folder: Path, environment: dict[str, str], starts: int) -> Json:
    """From launching a server to its answer to the first request."""
    taken: dict[str, list[float]] = {"llm4cov": [], "verible": []}
    for _ in range(starts):
        for name, program in (("llm4cov", None), ("verible", str(VERIBLE))):
            began = time.perf_counter()
            with raw(folder, environment, program=program) as server:
                server.start(folder)
                taken[name].append(1000 * (time.perf_counter() - began))
    return {name: {**_quantiles(values), "worst_ms": round(max(values), 2)} for name, values in taken.items()}


@contextmanager
def _generating(server: Raw, folder: Path) -> Iterator[None]:
    """Let the worker have all that it can do, at a design that is never finished."""
    file = folder / "vault.sv"
    file.write_text(_VAULT)
    uri = server.open(file)
    server.settings = {"mode": "off", "generate": {"budgetSeconds": 3600}}
    server.notify("workspace/didChangeConfiguration", {"settings": None})
    job = server.begin("workspace/executeCommand", {"command": "llm4cov.generate", "arguments": [uri, "vault"]})
    server.until(lambda: "searching" in json.dumps(server.notes[-50:]), _PATIENCE_S)
    yield
    assert job not in server.replies, server.replies[job]
    server.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": job}})


def _under_load(folder: Path, environment: dict[str, str], requests: int) -> Json:
    file = _project(folder / "load")
    with raw(file.parent, environment) as server:
        server.start(file.parent)
        uri = server.open(file)
        server.until(lambda: _has_holes(server, uri), _PATIENCE_S)
        with _generating(server, file.parent), raw(file.parent, environment, program=str(VERIBLE)) as other:
            other.start(file.parent)
            other.open(file)
            holes = server.diagnostics(uri)[-1]["diagnostics"]
            rows = {
                "llm4cov": _asked(server, file, requests, holes=holes) | {"memory_mib": memory_mib(server.child.pid)},
                "verible": _asked(other, file, requests, is_ours=False) | {"memory_mib": memory_mib(other.child.pid)},
            }
    return rows


def _asked(server: Raw, file: Path, requests: int, *, holes: list[dict[str, Any]] | None = None, is_ours: bool = True) -> dict[str, Json]:
    """Ask about places all over a file, one request after the other; Verible has no lenses."""
    lines = file.read_text().splitlines()
    at = {"textDocument": {"uri": file.as_uri()}}
    draw, told = random.Random(1), 0
    taken: dict[str, list[float]] = {}
    for _ in range(requests):
        line = draw.randrange(len(lines))
        where = {"line": line, "character": draw.randrange(len(lines[line]) + 1)}
        span = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": len(lines[line])}}
        if holes:
            hole = draw.choice(holes)
            where, span = hole["range"]["start"], hole["range"]
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "hover": ("textDocument/hover", {**at, "position": where}),
            "codeAction": ("textDocument/codeAction", {**at, "range": span, "context": {"diagnostics": []}}),
        }
        if is_ours:
            screen = {"start": {"line": line, "character": 0}, "end": {"line": line + 60, "character": 0}}
            kinds |= {"codeLens": ("textDocument/codeLens", at), "inlayHint": ("textDocument/inlayHint", {**at, "range": screen})}
        for name, (method, params) in kinds.items():
            began = time.perf_counter()
            reply = server.ask(method, params, _PATIENCE_S)
            taken.setdefault(name, []).append(1000 * (time.perf_counter() - began))
            assert "error" not in reply, reply
            told += name == "hover" and reply["result"] is not None
            time.sleep(0.005)
    return {**{name: _quantiles(values) for name, values in taken.items()}, "hovers_with_an_answer": told}


def _opening(folder: Path, environment: dict[str, str]) -> Json:
    """From opening a file to its holes: where nothing was compiled, with kept results, and without them; and Verible's diagnostics."""
    file = _project(folder / "open")
    cache = folder / "cache"
    own = environment | {"LLM4COV_CACHE_DIR": str(cache)}
    times: dict[str, Json] = {"first_ms": _opened(file, own)}
    times["persisted_ms"] = _opened(file, own)
    shutil.rmtree(cache / "results")
    times["fresh_ms"] = _opened(file, own)
    times["verible_ms"] = _opened(file, own, program=str(VERIBLE))
    return times


def _opened(file: Path, environment: dict[str, str], *, program: str | None = None) -> float:
    with raw(file.parent, environment, program=program) as server:
        server.start(file.parent)
        if program is None:
            server.command("llm4cov.info")
        began = time.perf_counter()
        uri = server.open(file)
        # Verible says that a file is clean, too.
        server.until(lambda: _has_holes(server, uri) if program is None else server.diagnostics(uri), _PATIENCE_S)
        taken = round(1000 * (time.perf_counter() - began), 1)
        if program is None:
            server.until(lambda: _is_kept(environment) and not server.command("llm4cov.info")["running"], _PATIENCE_S)
            server.leave(30)
        return taken


def _is_kept(environment: dict[str, str]) -> bool:
    return any((Path(environment["LLM4COV_CACHE_DIR"]) / "results").glob("*"))


def _large(folder: Path, environment: dict[str, str], lines: int, files: int, requests: int) -> dict[str, Json]:
    place = folder / "large"
    place.mkdir()
    file = place / "chain.sv"
    file.write_text(large_file(lines))
    (place / "tb_chain.sv").write_text(_BENCH)
    for number in range(files):
        below = place / f"part_{number % 40}"
        below.mkdir(exist_ok=True)
        (below / f"leaf_{number}.sv").write_text(f"module leaf_{number} (input logic a, output logic b);\n  assign b = ~a;\nendmodule\n")
    own = environment | {"LLM4COV_CACHE_DIR": str(folder / "large_cache")}
    opened = {"first_ms": _opened(file, own), "persisted_ms": _opened(file, own), "verible_ms": _opened(file, own, program=str(VERIBLE))}
    with raw(place, own) as server:
        server.start(place)
        uri = server.open(file)
        server.until(lambda: _has_holes(server, uri), _PATIENCE_S)
        with _generating(server, place), raw(place, environment, program=str(VERIBLE)) as other:
            other.start(place)
            other.open(file)
            other.until(lambda: other.diagnostics(uri), _PATIENCE_S)
            rows: dict[str, Json] = {}
            for name, one in (("llm4cov", server), ("verible", other)):
                asked = _asked(one, file, requests, is_ours=one is server)
                rows[name] = asked | {"edit_then_hover": _edited(one, uri), "memory_mib": memory_mib(one.child.pid)}
    size: dict[str, Json] = {"lines": len(file.read_text().splitlines()), "holes": _holes(own)}
    return {"large_open": {**opened, **size}, "large_under_load": rows}


def _holes(environment: dict[str, str]) -> int:
    """Count the holes of the kept result of the large file."""
    texts = [path.read_text() for path in (Path(environment["LLM4COV_CACHE_DIR"]) / "results").rglob("*") if path.is_file()]
    return max(text.count('"sentence"') for text in texts)


def _edited(server: Raw, uri: str) -> Json:
    taken = []
    for number in range(10):
        at = {"line": 5000, "character": 0}
        change = {
            "textDocument": {"uri": uri, "version": 2 + number},
            "contentChanges": [{"range": {"start": at, "end": at}, "text": "\n"}],
        }
        began = time.perf_counter()
        server.notify("textDocument/didChange", change)
        server.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 5050, "character": 8}}, _PATIENCE_S)
        taken.append(1000 * (time.perf_counter() - began))
        time.sleep(0.3)
    return _quantiles(taken)


def memory_mib(pid: int) -> float:
    """Give the resident memory of a process at its highest."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def _project(folder: Path) -> Path:
    folder.mkdir()
    file = folder / "traffic_light.sv"
    shutil.copy(loader.load("traffic_light").sources[0], file)
    (folder / "tb_traffic_light.sv").write_text(WEAK_TESTBENCH)
    return file


def _has_holes(server: Raw, uri: str) -> bool:
    return any(one["diagnostics"] for one in server.diagnostics(uri))


def _quantiles(values: list[float]) -> dict[str, Json]:
    ordered = sorted(values)
    return {
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 2),
        "requests": len(ordered),
    }


def _print(rows: dict[str, Json]) -> None:
    for name, row in rows.items():
        print(f"{name}:")
        assert isinstance(row, dict)
        for key, value in row.items():
            print(f"  {key:16} {json.dumps(value)}")


if __name__ == "__main__":
    raise SystemExit(main())
