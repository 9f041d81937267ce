"""A child process that looks for witnesses with bitwuzla, shortest first: the only module that imports it. Proves nothing.

Run as a module with the path of a job. Results go to `found.json` after each depth, so that a run which is stopped loses
only what it was at.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bitwuzla import Bitwuzla, Kind, Option, Options, Result, Term, TermManager  # type: ignore[import-not-found]

from llm4cov_agent.closure.reach.btor import BtorError, Node, System, read_btor
from llm4cov_agent.closure.reach.schedule import Moment, Schedule, clock_masks, fixed_bits, idle_values, moments
from llm4cov_agent.closure.reach.unroll import Unrolling

_SIMPLIFY_S = 1.0
"""Time for making the inputs of one witness simpler."""

_PLAIN = {
    "and": Kind.BV_AND,
    "or": Kind.BV_OR,
    "xor": Kind.BV_XOR,
    "nand": Kind.BV_NAND,
    "nor": Kind.BV_NOR,
    "xnor": Kind.BV_XNOR,
    "add": Kind.BV_ADD,
    "sub": Kind.BV_SUB,
    "mul": Kind.BV_MUL,
    "neg": Kind.BV_NEG,
    "not": Kind.BV_NOT,
    "inc": Kind.BV_INC,
    "dec": Kind.BV_DEC,
    "udiv": Kind.BV_UDIV,
    "urem": Kind.BV_UREM,
    "sdiv": Kind.BV_SDIV,
    "srem": Kind.BV_SREM,
    "smod": Kind.BV_SMOD,
    "sll": Kind.BV_SHL,
    "srl": Kind.BV_SHR,
    "sra": Kind.BV_ASHR,
    "concat": Kind.BV_CONCAT,
    "redand": Kind.BV_REDAND,
    "redor": Kind.BV_REDOR,
    "redxor": Kind.BV_REDXOR,
    "eq": Kind.BV_COMP,
    "iff": Kind.BV_COMP,
}
_COMPARISONS = {
    "ult": Kind.BV_ULT,
    "ulte": Kind.BV_ULE,
    "ugt": Kind.BV_UGT,
    "ugte": Kind.BV_UGE,
    "slt": Kind.BV_SLT,
    "slte": Kind.BV_SLE,
    "sgt": Kind.BV_SGT,
    "sgte": Kind.BV_SGE,
}


class _Terms:
    """Operators as terms of the solver."""

    def __init__(self, manager: TermManager) -> None:
        self._manager = manager
        self._one = manager.mk_bv_value(manager.mk_bv_sort(1), 1)
        self._zero = manager.mk_bv_value(manager.mk_bv_sort(1), 0)

    def term(self, value: int | Term, width: int) -> Term:
        if isinstance(value, int):
            return self._manager.mk_bv_value(self._manager.mk_bv_sort(width), value)
        return value

    def holds(self, bit: Term) -> Term:
        """Return a truth value for one bit."""
        return self._manager.mk_term(Kind.EQUAL, [bit, self._one])

    def apply(self, node: Node, operands: tuple[int | Term, ...], widths: tuple[int, ...]) -> Term:
        make = self._manager.mk_term
        terms = [self.term(operand, width) for operand, width in zip(operands, widths, strict=True)]
        if node.op in _PLAIN:
            return make(_PLAIN[node.op], terms)
        if node.op in _COMPARISONS:
            return make(Kind.ITE, [make(_COMPARISONS[node.op], terms), self._one, self._zero])
        if node.op == "neq":
            return make(Kind.BV_NOT, [make(Kind.BV_COMP, terms)])
        if node.op == "implies":
            return make(Kind.BV_OR, [make(Kind.BV_NOT, terms[:1]), terms[1]])
        if node.op == "ite":
            return make(Kind.ITE, [self.holds(terms[0]), terms[1], terms[2]])
        if node.op == "slice":
            return make(Kind.BV_EXTRACT, terms, list(node.numbers))
        if node.op in ("uext", "sext"):
            return make(Kind.BV_ZERO_EXTEND if node.op == "uext" else Kind.BV_SIGN_EXTEND, terms, list(node.numbers))
        raise BtorError(f"operator `{node.op}` is used")


class Search:
    """One search over one system."""

    def __init__(self, system: System, job: Mapping[str, Any]) -> None:
        self._system = system
        self._schedule = Schedule.from_json(job["schedule"])
        self._inputs: dict[str, str] = job["inputs"]
        self._first: dict[str, int] = {name: int(value) for name, value in job["first"].items()}
        self._depth: int = job["depth"]
        self._pending: dict[int, str] = {int(number): event for number, event in job["questions"].items()}
        self._events = dict(self._pending)
        self._deadline = time.monotonic() + job["budget_s"]
        self._clocks = clock_masks(self._schedule.clocks)
        self._idle = idle_values(self._schedule)
        self.found: dict[int, list[dict[str, str]]] = {}
        self.complete = -1
        """Number of cycles within which all is known; -1 for nothing."""

    def run(self) -> None:
        """Search until the depth or the time is used up, or everything was found."""
        manager = TermManager()
        options = Options()
        options.set(Option.PRODUCE_MODELS, True)
        solver = Bitwuzla(manager, options)
        solver.configure_terminator(lambda: time.monotonic() > self._deadline)
        terms = _Terms(manager)
        unrolling: Unrolling[Term] = Unrolling(self._system, terms)
        variables: list[dict[str, Term]] = []
        seen: dict[int, list[Term]] = {}
        sure: set[int] = set()
        current = None
        for count, moment in enumerate(moments(self._schedule)):
            if current is not None and moment.cycle != current:
                self._decide(solver, manager, terms, variables, seen, sure, current)
                seen, sure = {}, set()
                if moment.cycle > self._depth or not self._pending or time.monotonic() > self._deadline:
                    return
            current = moment.cycle
            while len(variables) <= moment.cycle:
                cycle, sort = len(variables), manager.mk_bv_sort
                variables.append({port: manager.mk_const(sort(width), f"{port}@{cycle}") for port, width in self._schedule.widths.items()})
            now = variables[moment.cycle] if moment.cycle >= 0 else None
            unrolling.step(self._given(moment, count, now, terms))
            for number, event in self._pending.items():
                if event == "holds" and not moment.counts:
                    continue
                value = unrolling.output(f"bad{number}")
                if isinstance(value, int):
                    if value:
                        sure.add(number)
                else:
                    seen.setdefault(number, []).append(value)

    def _given(self, moment: Moment, count: int, values: Mapping[str, Any] | None, terms: _Terms | None) -> dict[str, Any]:
        """Inputs of the model in one step; `values` are numbers or terms, None for nothing."""
        given: dict[str, Any] = {}
        fixed = fixed_bits(self._schedule, moment)
        for port, width in self._schedule.widths.items():
            mask, value = fixed.get(port, (0, 0))
            other = self._idle[port] if values is None else values[port]
            full = (1 << width) - 1
            if mask == full:
                other = value
            elif isinstance(other, int):
                other = other & ~mask | value
            elif mask:
                assert terms is not None
                kept = terms.apply(Node("and", width, ()), (other, full & ~mask), (width, width))
                other = terms.apply(Node("or", width, ()), (kept, value), (width, width))
            if port in self._inputs:
                given[self._inputs[port]] = other
        if count == 0 and self._first:
            given.update(self._first)
            given["reach_pick"] = 1
        return given

    def _decide(
        self,
        solver: Bitwuzla,
        manager: TermManager,
        terms: _Terms,
        variables: Sequence[Mapping[str, Term]],
        seen: Mapping[int, Sequence[Term]],
        sure: set[int],
        cycle: int,
    ) -> None:
        """Find all that can be hit in a cycle."""
        idle = [dict(self._idle) for _ in range(max(cycle + 1, 0))]
        for number in sorted(sure & self._pending.keys()):
            self._keep([number], idle, cycle)
        quiet = self._quiet(terms, manager, variables[: cycle + 1])
        # Resets during the run make a witness harder to read, so they come last.
        for assumptions in ([quiet], []) if quiet is not None else ([],):
            while True:
                open_terms = {number: seen[number] for number in seen if number in self._pending}
                if not open_terms:
                    break
                bits = [terms.holds(bit) for group in open_terms.values() for bit in group]
                goal = bits[0] if len(bits) == 1 else manager.mk_term(Kind.OR, bits)
                result = solver.check_sat(goal, *assumptions)
                if result == Result.UNKNOWN:
                    return
                if result == Result.UNSAT:
                    break
                values = [{port: int(solver.get_value(term).value(10)) for port, term in group.items()} for group in variables[: cycle + 1]]
                hit = [number for number, group in open_terms.items() if any(int(solver.get_value(bit).value(10)) for bit in group)]
                self._keep(hit, values, cycle)
        self.complete = cycle
        self._write()

    def _quiet(self, terms: _Terms, manager: TermManager, variables: Sequence[Mapping[str, Term]]) -> Term | None:
        """Return that no reset is active in any cycle."""
        parts = []
        for reset in self._schedule.resets:
            for group in variables:
                width = self._schedule.widths[reset.port]
                bit = terms.apply(Node("slice", 1, (), (reset.bit, reset.bit)), (group[reset.port],), (width,))
                level = terms.holds(bit)
                parts.append(level if reset.active_low else manager.mk_term(Kind.NOT, [level]))
        return None if not parts else parts[0] if len(parts) == 1 else manager.mk_term(Kind.AND, parts)

    def _keep(self, hit: list[int], values: list[dict[str, int]], cycle: int) -> None:
        """Store one run as the witness of questions, made simpler first."""
        simple = self._simplified(hit, values, cycle)
        record = [self._plain(group) for group in simple]
        for number in hit:
            self.found[number] = record
            self._pending.pop(number, None)
        self._write()

    def _plain(self, group: Mapping[str, int]) -> dict[str, str]:
        """Values without the bits that clocks decide, as text."""
        widths = self._schedule.widths
        kept = {port: (1 << widths[port]) - 1 & ~self._clocks.get(port, 0) for port in group}
        return {port: str(value & kept[port]) for port, value in group.items() if kept[port]}

    def _simplified(self, hit: list[int], values: list[dict[str, int]], cycle: int) -> list[dict[str, int]]:
        """Put inputs to rest, one port and then one value at a time, as long as all that was hit stays hit."""
        end = time.monotonic() + min(_SIMPLIFY_S, max(0.0, (self._deadline - time.monotonic()) / 4))
        attempts: list[tuple[str, int | None]] = [(port, None) for port in self._idle]
        attempts += [(port, index) for index in range(len(values)) for port in self._idle]
        for port, index in attempts:
            if time.monotonic() > end:
                break
            places = range(len(values)) if index is None else (index,)
            if all(values[place][port] == self._idle[port] for place in places):
                continue
            trial = [dict(group) for group in values]
            for place in places:
                trial[place][port] = self._idle[port]
            if self._hits(hit, trial, cycle):
                values = trial
        return values

    def _hits(self, hit: list[int], values: Sequence[Mapping[str, int]], cycle: int) -> bool:
        """Run with numbers and see whether everything is hit by the end of the cycle."""
        unrolling: Unrolling[Term] = Unrolling(self._system, None)
        missing = set(hit)
        for count, moment in enumerate(moments(self._schedule)):
            if moment.cycle > cycle or not missing:
                break
            unrolling.step(self._given(moment, count, values[moment.cycle] if moment.cycle >= 0 else None, None))
            missing -= {
                number for number in missing if (moment.counts or self._events[number] != "holds") and unrolling.output(f"bad{number}") == 1
            }
        return not missing

    def _write(self) -> None:
        text = json.dumps({"complete": self.complete, "found": {str(number): record for number, record in self.found.items()}, "error": ""})
        Path("found.json.part").write_text(text)
        Path("found.json.part").replace("found.json")


def main() -> None:
    """Read the job, search, write what was found."""
    job = json.loads(Path(sys.argv[1]).read_text())
    try:
        search = Search(read_btor(Path("model.btor").read_text()), job)
        search.run()
    except BtorError as error:
        Path("found.json").write_text(json.dumps({"complete": -1, "found": {}, "error": str(error)}))


if __name__ == "__main__":
    main()
