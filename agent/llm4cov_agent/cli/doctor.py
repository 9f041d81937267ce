"""`doctor`: every tool, its version, where it is, and the command that installs what is missing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from llm4cov_agent.cli import options as given
from llm4cov_agent.cli.console import ExitStatus, leave, print_json, results
from llm4cov_agent.config import read_config, secret
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import ToolMissing
from llm4cov_agent.judge import cocotb_runtime, landlock, process, report
from llm4cov_agent.judge.process import Limits, run
from llm4cov_agent.judge.sandbox import Sandbox
from llm4cov_agent.judge.scratch import scratch_folder
from llm4cov_agent.judge.verilator import find_toolchain
from llm4cov_agent.loop.policies.backends import TRANSFORMERS_HINT
from llm4cov_agent.loop.policies.endpoint import DEFAULT_KEY_VARIABLE
from llm4cov_agent.loop.policies.model_file import LLAMA_HINT, default_model


@dataclass(frozen=True, slots=True)
class Check:
    """One tool or setting."""

    name: str
    needed: bool
    version: str | None
    """None if it is missing."""
    place: str
    remedy: str
    """What to do if it is missing; empty if nothing has to be done."""


def doctor(as_json: given.AsJson = False) -> None:
    """Check every tool that is used, and say how to install what is missing."""
    checks = tuple(_checks())
    broken = [check for check in checks if check.needed and check.version is None]
    if as_json:
        print_json(_record(checks))
    else:
        _print(checks, broken)
    leave(ExitStatus.TOOL_MISSING if broken else ExitStatus.DONE)


def doctor_record() -> dict[str, Json]:
    """Check every tool; gives what `doctor --json` prints. Runs programs for their versions, which takes a second or two."""
    return _record(tuple(_checks()))


def _record(checks: tuple[Check, ...]) -> dict[str, Json]:
    records: list[Json] = [
        {"name": check.name, "needed": check.needed, "version": check.version, "place": check.place, "remedy": check.remedy}
        for check in checks
    ]
    return {"ok": not any(check.needed and check.version is None for check in checks), "checks": records}


def _print(checks: tuple[Check, ...], broken: list[Check]) -> None:
    console = results()
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, header_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("tool", no_wrap=True)
    table.add_column("version", no_wrap=True)
    table.add_column("where, or what to do", overflow="fold")
    for check in checks:
        mark = Text("ok", "green") if check.version is not None else Text("missing", "red") if check.needed else Text("absent", "yellow")
        place = check.place if check.version is not None else check.remedy
        table.add_row(mark, check.name, check.version or "-", Text(place))
    report.write(console, table)
    if broken:
        console.print(f"\n{len(broken)} needed, missing: {', '.join(check.name for check in broken)}")
    else:
        console.print("\neverything that is needed is here")


def _checks() -> Iterator[Check]:
    yield Check("Python", True, platform.python_version(), sys.executable, "")
    yield from (_package(name, needed=True) for name in ("pyslang", "cocotb", "pyosys", "bitwuzla", "pygls", "lsprotocol", "sqlite-utils"))
    yield _verilator()
    compiler = next((path for name in ("g++", "c++", "clang++") if (path := shutil.which(name))), None)
    yield _program("C++ compiler", compiler, needed=True, remedy="apt-get install g++")
    yield _program("perl", shutil.which("perl"), needed=True, remedy="apt-get install perl")
    yield _python_library()
    yield _sandbox()
    yield _program(
        "Icarus Verilog", shutil.which("iverilog"), needed=False, flag="-V", remedy="apt-get install iverilog (second simulator)"
    )
    yield _package("llama-cpp-python", needed=False, remedy=f"{LLAMA_HINT} (local models; compiles for some minutes)")
    yield _default_model()
    yield from (_package(name, needed=False, remedy=f"{TRANSFORMERS_HINT} (models in other formats)") for name in ("torch", "transformers"))
    yield from (_package(name, needed=False, remedy=f"{TRANSFORMERS_HINT} (GGUF and adapters there)") for name in ("gguf", "peft"))
    yield _key()
    yield _cache()


def _package(name: str, *, needed: bool, remedy: str | None = None) -> Check:
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return Check(name, needed, None, "", remedy or f"pip install {name}")
    return Check(name, needed, distribution.version, str(distribution.locate_file("")), "")


def _verilator() -> Check:
    try:
        toolchain = find_toolchain()
    except ToolMissing as missing:
        return Check("Verilator", True, None, "", missing.hint)
    return Check("Verilator", True, toolchain.version, f"{toolchain.verilator} ({toolchain.origin})", "")


def _program(name: str, path: str | None, *, needed: bool, remedy: str, flag: str = "--version") -> Check:
    if path is None:
        return Check(name, needed, None, "", remedy)
    with scratch_folder() as folder:
        outcome = run((path, flag), folder=folder, limits=Limits(wall_s=20))
    matched = re.search(r"\d+\.\d+(?:\.\d+)?", outcome.output)
    return Check(name, needed, matched.group() if matched else "unknown", path, "")


def _python_library() -> Check:
    try:
        cocotb_runtime.environment(module="m", toplevel="t", folder=Path(), seed=1)
    except ToolMissing as missing:
        return Check("libpython", False, None, "", missing.hint)
    return Check("libpython", False, platform.python_version(), "for cocotb testbenches", "")


def _sandbox() -> Check:
    """Say which sandbox holds what is run, and what it does not hold."""
    kind = process.strongest()
    remedy = "" if kind is Sandbox.BUBBLEWRAP else "apt-get install bubblewrap"
    if kind is Sandbox.NONE:
        return Check("sandbox", False, None, "", f"{remedy} (now none: {kind.gaps})")
    path = shutil.which("bwrap") if kind is Sandbox.BUBBLEWRAP else None
    found = _program("sandbox", path, needed=False, remedy="") if path is not None else None
    version = found.version if found is not None else f"ABI {landlock.abi()}" if "Landlock" in kind.value else "-"
    held = (
        f"{kind.value}: {kind.gaps}; {remedy} for more" if kind.gaps else f"{kind.value}: no network, only the run's folder can be written"
    )
    return Check("sandbox", False, version, held, remedy)


def _default_model() -> Check:
    try:
        path = default_model()
    except ToolMissing as missing:
        return Check("default model", False, None, "", missing.hint)
    return Check("default model", False, path.stem, str(path), "")


def _key() -> Check:
    """Whether the usual variable with a server's key is set; never what it holds."""
    if not secret(DEFAULT_KEY_VARIABLE):
        return Check("key for an endpoint", False, None, "", f"set {DEFAULT_KEY_VARIABLE}, if the server needs one")
    return Check("key for an endpoint", False, "set", DEFAULT_KEY_VARIABLE, "")


def _cache() -> Check:
    config = read_config()
    size = sum(int(path.read_text()) for path in (config.cache_dir / "builds").glob("*/.bytes"))
    return Check("build cache", False, f"{size >> 20} of {config.cache_bytes >> 20} MiB", str(config.cache_dir / "builds"), "")
