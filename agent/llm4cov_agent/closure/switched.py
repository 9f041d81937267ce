"""Says which parameters switch a point's branch off. Knows no formal tool: that the point is unreachable is proved elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from llm4cov_agent.closure.needs import needs_of
from llm4cov_agent.judge.coverage import CoveragePoint
from llm4cov_agent.judge.holes import Verdict, VerdictKind
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate.condition_values import Condition, Conditions
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_agent.rtl.elaborate.switches import Ground, Switches, read_switches


def name_parameters(verdicts: Mapping[CoveragePoint, Verdict], design: Design) -> dict[CoveragePoint, Verdict]:
    """Have proofs name the parameters that make a point impossible, where those are certain; other verdicts stay as they are."""
    if not any(verdict.kind is VerdictKind.UNREACHABLE for verdict in verdicts.values()):
        return dict(verdicts)
    switches = read_switches(design)
    off = {key for key, ground in switches.off.items() if ground.parameters}
    if not off:
        return dict(verdicts)
    switched = Switched(read_conditions(design), switches)
    return {
        point: replace(verdict, reason=switched.reason(point, verdict.reason)) if verdict.kind is VerdictKind.UNREACHABLE else verdict
        for point, verdict in verdicts.items()
    }


def listed(parameters: Sequence[tuple[str, str]]) -> str:
    """Write parameters with their values, `A = 0` and `B = 1`."""
    texts = [f"`{name} = {value}`" for name, value in parameters]
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if texts[1:] else texts)


class Switched:
    """The branches of a design that no instance can take, found from points."""

    def __init__(self, conditions: Conditions, switches: Switches) -> None:
        self._conditions = conditions
        self._off: dict[Condition, Ground] = {conditions.own[key]: one for key, one in switches.off.items() if key in conditions.own}

    def around(self, point: CoveragePoint) -> tuple[Ground, ...]:
        """Give the grounds of the branches around a point that are off, outermost first; of a signal, those around all its assignments."""
        needs = needs_of(point, self._conditions)
        if not needs.assignments:
            return tuple(self._off[part] for part in needs.chain if part in self._off)
        firsts = [next((self._off[part] for part in chain if part in self._off), None) for _, chain in needs.assignments]
        found = [ground for ground in firsts if ground is not None]
        return tuple(dict.fromkeys(found)) if len(found) == len(firsts) else ()

    def reason(self, point: CoveragePoint, otherwise: str) -> str:
        """Say which parameters make a proved point impossible; `otherwise` where that isn't certain."""
        grounds = self.around(point)
        if not grounds or not grounds[0].parameters:
            return otherwise
        first = grounds[0]
        of = f" of `{first.module}`" if first.module else ""
        switch = f"{listed(first.parameters)}{of} switch{'es' * (len(first.parameters) == 1)} off"
        if not needs_of(point, self._conditions).assignments:
            return f"It lies in a branch that {switch}, so it can never be executed."
        if any((one.parameters, one.module) != (first.parameters, first.module) for one in grounds):
            return otherwise
        return f"{otherwise} Every assignment that could bring it about lies in a branch that {switch}."
