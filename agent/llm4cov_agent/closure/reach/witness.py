"""A witness as a typed stimulus, with the reset before it. Knows no engine and no simulator."""

from __future__ import annotations

from llm4cov_agent.bench.stimulus import Drive, Hold, Reset, Sequence, Step, Stimulus, default_clocks
from llm4cov_agent.closure.reach.answer import RESET_CYCLES, Answer
from llm4cov_agent.rtl.design import Design

_NAME = "reach"


def witness_stimulus(design: Design, answer: Answer, *, name: str = _NAME, with_reset: bool = True) -> Stimulus:
    """Reset, then one cycle for each entry of the witness, then one more in which clocked statements see the last values.

    `with_reset` False is for a witness that begins in a given state: the caller puts what leads there before it.
    """
    steps: list[Step] = [Reset(RESET_CYCLES)] if with_reset and design.resets else []
    resets = {reset.port: int(reset.active_low) for reset in design.resets}
    signals = design.driven_signals()
    # In a given state the inputs are as whatever led there left them, so all of them are driven.
    held: dict[str, int] = {signal: resets.get(signal, 0) for signal in signals} if with_reset else {}
    for cycle in answer.witness:
        changes = tuple((signal, value) for signal, value in sorted(cycle.items()) if held.get(signal) != value)
        if changes:
            steps.append(Drive(changes))
        held.update(cycle)
        if steps and isinstance(steps[-1], Hold):
            steps[-1] = Hold(steps[-1].cycles + 1)
        else:
            steps.append(Hold(1))
    steps.append(Hold(1))
    comment = f"Reach {answer.question.label}."
    return Stimulus(design.top, 1, default_clocks(design.clocks), (Sequence(name, comment, tuple(steps)),))
