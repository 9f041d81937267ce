"""Guesses of what registers never exceed, from the constants that they meet in a netlist. Proves nothing.

A counter that starts again at an equality never passes it, but a prover that works bit by bit may have to learn that value
by value. Said as a bound it is a one-step induction, so the guesses are proved first and then help with the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from llm4cov_agent.closure.reach.netlist import Bit, Cell, Netlist, Signal

MOST_PER_REGISTER = 4
MOST = 48
_EQUALITIES = {"$eq", "$ne", "$eqx", "$nex"}
_COMPARISONS = _EQUALITIES | {"$lt", "$le", "$gt", "$ge"}


def guesses(
    netlist: Netlist, registers: Sequence[Signal], data: Sequence[Signal], original: Callable[[Bit], Bit]
) -> list[tuple[Signal, int]]:
    """Return (register, bound) pairs, `data` being what each register takes at its clock edge."""
    constants: dict[Signal, set[int]] = {tuple(map(original, register)): set() for register in registers if 3 <= len(register) <= 64}
    for cell in netlist.cells:
        if cell.type in _COMPARISONS:
            for one, other in (("A", "B"), ("B", "A")):
                value = _value(cell.ports[other])
                signal = _without_zeros(tuple(map(original, cell.ports[one])))
                if value is not None and signal in constants:
                    # A bound that is one too low takes longest to refute, so it is guessed only from an order.
                    constants[signal] |= {value} if cell.type in _EQUALITIES else {value, value - 1}
    drivers = {cell.ports["Y"]: cell for cell in netlist.cells if cell.type in ("$mux", "$pmux")}
    for register, following in zip(registers, data, strict=True):
        key = tuple(map(original, register))
        if key in constants:
            constants[key].update(_leaves(following, drivers, original))
    found = []
    for register in registers:
        limit = (1 << len(register)) - 1
        fitting = sorted((value for value in constants.get(tuple(map(original, register)), ()) if 0 < value < limit), reverse=True)
        found += [(register, value) for value in fitting[:MOST_PER_REGISTER]]
    return found[:MOST]


def _value(signal: Signal) -> int | None:
    if not all(bit in ("0", "1") for bit in signal):
        return None
    return sum(1 << index for index, bit in enumerate(signal) if bit == "1")


def _without_zeros(signal: Signal) -> Signal:
    end = len(signal)
    while end and signal[end - 1] == "0":
        end -= 1
    return signal[:end]


def _leaves(signal: Signal, drivers: dict[Signal, Cell], original: Callable[[Bit], Bit]) -> Iterator[int]:
    """Constants that multiplexers may choose."""
    seen: set[Signal] = set()
    pending = [signal]
    while pending and len(seen) < 200:
        item = tuple(map(original, pending.pop()))
        if item in seen:
            continue
        seen.add(item)
        value = _value(item)
        if value is not None:
            yield value
        elif (cell := drivers.get(item)) is not None:
            width = len(item)
            pending.append(cell.ports["A"])
            pending += [cell.ports["B"][start : start + width] for start in range(0, len(cell.ports["B"]), width)]
