"""How long an editor waits for the language server, and how much memory it takes: `python -m benchmarks.editor`.

While a generation runs at full load: hovers, lenses and code actions. A file of 10,000 lines and a workspace of 2,000 files. The same files
opened in Verible's server, for what both answer. Designs are written here; nothing of anybody else's is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fixtures import loader
from tests.e2e.conftest import WEAK_TESTBENCH
from tests.e2e.raw import Raw, raw

from benchmarks.results import write
from llm4cov_agent.digest import Json

BARS = {"p50_ms": 10, "p99_ms": 50, "persisted_ms": 300, "fresh_ms": 5000, "open_ms": 2000, "memory_mib": 250}
_PATIENCE_S = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="requests of each kind")
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--lines", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = dict(os.environ) | {"LLM4COV_STORE": str(folder / "store.db")}
        rows = {
            "under_load": _under_load(folder, environment, arguments.requests),
            "open": _opening(folder, environment),
            **_large(folder, environment, arguments.lines, arguments.files),
        }
    _print(rows)
    write("editor", {"options": vars(arguments), "bars": dict(BARS), "load_average": list(os.getloadavg()), **rows})
    return 0


def large_file(lines: int) -> str:
    """Write a hierarchy of counters as one file."""
    parts, count, number = [], 0, 0
    while count < lines - 20:
        inner = f"stage_{number - 1} inner (.clk(clk), .rst(rst), .step(step), .q(below));" if number else "assign below = step;"
        text = (
            f"module stage_{number} (\n  input logic clk,\n  input logic rst,\n  input logic [7:0] step,\n  output logic [7:0] q\n);\n"
            f"  logic [7:0] below;\n  {inner}\n  always_ff @(posedge clk)\n    if (rst) q <= 8'd0;\n"
            f"    else if (below == 8'd{number % 251}) q <= q ^ step;\n    else q <= q + below;\nendmodule\n\n"
        )
        parts.append(text)
        count, number = count + text.count("\n"), number + 1
    return "".join(parts)


def _under_load(folder: Path, environment: dict[str, str], requests: int) -> dict[str, Json]:
    file = _project(folder / "load")
    with raw(file.parent, environment) as server:
        server.start(file.parent)
        uri = server.open(file)
        server.until(lambda: _has_holes(server, uri), _PATIENCE_S)
        server.settings = {"mode": "off", "generate": {"budgetSeconds": 3600}}
        server.notify("workspace/didChangeConfiguration", {"settings": None})
        at = {"textDocument": {"uri": uri}}
        # At another design, so that the lenses are those of a measured file while the worker has all that it can do.
        job = server.begin("workspace/executeCommand", {"command": "llm4cov.generate", "arguments": [uri, "traffic_light"]})
        server.until(lambda: "searching" in json.dumps(server.notes[-50:]), _PATIENCE_S)
        holes = server.diagnostics(uri)[-1]["diagnostics"]
        place = holes[0]["range"]
        kinds: dict[str, tuple[str, dict[str, Any]]] = {
            "hover": ("textDocument/hover", {**at, "position": place["start"]}),
            "codeLens": ("textDocument/codeLens", at),
            "codeAction": ("textDocument/codeAction", {**at, "range": place, "context": {"diagnostics": holes[:1]}}),
        }
        taken: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(requests):
            for name, (method, params) in kinds.items():
                taken[name].append(_timed(lambda method=method, params=params: server.ask(method, params)))
                time.sleep(0.005)
        busy = server.command("llm4cov.info")["running"]
        memory = memory_mib(server.child.pid)
        server.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": job}})
        return {**{name: _quantiles(values) for name, values in taken.items()}, "running": busy, "memory_mib": memory}


def _opening(folder: Path, environment: dict[str, str]) -> dict[str, Json]:
    file = _project(folder / "open")
    times: dict[str, Json] = {}
    cache = Path(environment.get("LLM4COV_CACHE_DIR", folder / "cache"))
    own = environment | {"LLM4COV_CACHE_DIR": str(cache)}
    for name in ("first_ms", "persisted_ms", "fresh_ms"):
        if name == "fresh_ms":
            shutil.rmtree(cache / "results", ignore_errors=True)
        with raw(file.parent, own) as server:
            server.start(file.parent)
            server.command("llm4cov.info")
            began = time.perf_counter()
            uri = server.open(file)
            server.until(lambda uri=uri, server=server: _has_holes(server, uri), _PATIENCE_S)
            times[name] = round(1000 * (time.perf_counter() - began), 1)
            if name == "first_ms":
                time.sleep(1)
            server.leave(30)
    return times


def _large(folder: Path, environment: dict[str, str], lines: int, files: int) -> dict[str, Json]:
    place = folder / "large"
    place.mkdir()
    text = large_file(lines)
    file = place / "large.sv"
    file.write_text(text)
    for number in range(files):
        below = place / f"part_{number % 40}"
        below.mkdir(exist_ok=True)
        (below / f"leaf_{number}.sv").write_text(f"module leaf_{number} (input logic a, output logic b);\n  assign b = ~a;\nendmodule\n")
    verible = Path(sys.executable).parent / "verible-verilog-ls"
    rows: dict[str, Json] = {"llm4cov": _one_large(place, file, environment, None)}
    if verible.exists():
        rows["verible"] = _one_large(place, file, environment, str(verible))
    return rows


def _one_large(place: Path, file: Path, environment: dict[str, str], program: str | None) -> Json:
    with raw(place, environment, program=program) as server:
        began = time.perf_counter()
        server.start(place)
        started = 1000 * (time.perf_counter() - began)
        began = time.perf_counter()
        uri = server.open(file)
        at = {"textDocument": {"uri": uri}}
        spot = {"line": 5000, "character": 4}
        if program is None:
            # The answer to a request that follows it says that the file is taken in.
            server.ask("textDocument/codeLens", at, _PATIENCE_S)
        else:
            server.until(lambda: server.diagnostics(uri), _PATIENCE_S)
        opened = 1000 * (time.perf_counter() - began)
        hovers, actions, edits = [], [], []
        for number in range(50):
            edit = {"range": {"start": {"line": 5000, "character": 0}, "end": {"line": 5000, "character": 0}}, "text": "\n"}
            change = {"textDocument": {"uri": uri, "version": 2 + number}, "contentChanges": [edit]}

            def edited(change: dict[str, Any] = change) -> None:
                server.notify("textDocument/didChange", change)
                server.ask("textDocument/hover", {**at, "position": spot}, _PATIENCE_S)

            hovers.append(_timed(lambda: server.ask("textDocument/hover", {**at, "position": spot}, _PATIENCE_S)))
            context = {**at, "range": {"start": spot, "end": spot}, "context": {"diagnostics": []}}
            actions.append(_timed(lambda context=context: server.ask("textDocument/codeAction", context, _PATIENCE_S)))
            if number < 10:
                edits.append(_timed(edited))
        return {
            "start_ms": round(started, 1),
            "open_ms": round(opened, 1),
            "hover": _quantiles(hovers),
            "codeAction": _quantiles(actions),
            "edit_then_hover": _quantiles(edits),
            "memory_mib": memory_mib(server.child.pid),
        }


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


def _timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - began)


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
