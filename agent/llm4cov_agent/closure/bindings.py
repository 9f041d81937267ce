"""Writes the header that ties the harness to one model: where its inputs, outputs and watched signals lie. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from llm4cov_agent.bench.stimulus import COMBINATIONAL_PERIOD
from llm4cov_agent.closure.shell import Shell
from llm4cov_agent.judge.verilator.internals import find_members, is_plain_memory

_BINDINGS = "bindings.h"
SIGNALS = "signals.txt"
"""Stays with the program: whether it has snapshots, then the watched signals, a line each."""


def preparer(shell: Shell, program: str, machines: Sequence[str]) -> Callable[[Path], Path]:
    """Make the function that writes the harness beside the generated code."""

    def prepare(generated: Path) -> Path:
        below = f"{shell.name}.{shell.instance}."
        members = {name.removeprefix(below): member for name, member in find_members(generated).items() if name.startswith(below)}
        plain = is_plain_memory(generated)
        ranks = {name: rank for rank, name in enumerate(members)}
        found = [ranks[name] for name in machines if name in ranks and members[name].width <= 64]
        # Each machine for itself, and all of them together: what one does while another is elsewhere is news too.
        groups = [[rank] for rank in found] + ([found] if len(found) > 1 else [])
        bound = [
            *(("inputs", rank, f"symbols->TOP.{port.name}", port.width) for rank, port in enumerate(shell.inputs)),
            *(("outputs", rank, f"symbols->TOP.{port.name}", port.width) for rank, port in enumerate(shell.outputs)),
            *(("watches", rank, member.expression, member.width) for rank, member in enumerate(members.values())),
        ]
        text = [
            "" if plain else "#define LLM4COV_FORKS\n",
            f"static const uint64_t COMBINATIONAL_PERIOD = {COMBINATIONAL_PERIOD};\n",
            f"static Signal inputs[{max(1, len(shell.inputs))}];\n",
            f"static Signal outputs[{max(1, len(shell.outputs))}];\n",
            f"static const size_t WATCHES = {len(members)};\n",
            f"static Signal watches[{max(1, len(members))}];\n",
            f"static const std::vector<std::vector<uint32_t>> machines = {{{', '.join(_braced(one) for one in groups)}}};\n",
            "static void bind() {\n",
            *(f"    {table}[{rank}] = Signal{{&{expression}, {width}}};\n" for table, rank, expression, width in bound),
            "}\n",
        ]
        (generated / _BINDINGS).write_text("".join(text))
        (generated / SIGNALS).write_text("\n".join(["snapshots" if plain else "forks", *members]) + "\n")
        main = generated / "harness.cpp"
        main.write_text(program)
        return main

    return prepare


def _braced(numbers: Sequence[int]) -> str:
    return "{" + ", ".join(map(str, numbers)) + "}"
