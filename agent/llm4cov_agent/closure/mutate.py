"""Makes new steps, from nothing or from steps that proved useful. Knows ports and protocols, no coverage.

Every maker ends with time passing, so that what it drove last is felt before anything follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random as Generator

from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, Repeat, Reset, Step, Wait
from llm4cov_agent.closure.aims import Aim
from llm4cov_agent.closure.palette import LONGEST_BIT, Palette
from llm4cov_agent.closure.protocols import Handshake, Service, accesses, find_handshakes, find_services, requests, serve
from llm4cov_agent.closure.serial import frames, has_frames
from llm4cov_agent.rtl.design import Port

RESET_CYCLES = 4
LONGEST = 400
"""Steps; a splice is cut there."""


@dataclass(frozen=True, slots=True)
class Made:
    """Steps and, in a clause for the reader of a testbench, what they are."""

    steps: tuple[Step, ...]
    origin: str
    choice: tuple[str, int] | None = None
    """A number that was chosen for it and that is worth choosing again if it helps: (what it is, its place in the list)."""


class Makers:
    """The ways to make steps for one design, each with the share of tries that it gets."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self._liked: dict[tuple[str, int], float] = {}

    def like(self, choice: tuple[str, int]) -> None:
        """Make a choice again more often: it led to a find."""
        self._liked[choice] = min(60.0, self._liked.get(choice, 0.0) + 6.0)

    def _choose(self, what: str, count: int, generator: Generator) -> int:
        """Choose a place in a list of so many, those that helped before more often."""
        return generator.choices(range(count), [1.0 + self._liked.get((what, place), 0.0) for place in range(count)])[0]

    @cached_property
    def ways(self) -> dict[str, Callable[[Generator], Made]]:
        """Maker by name; which exist depends on the ports."""
        found: dict[str, Callable[[Generator], Made]] = {"draw": self.draw, "poke": self.poke, "wait": self.wait}
        if self.palette.inputs:
            found |= {"pin": self.pin, "toggle": self.toggle}
        if self.palette.resets:
            found["reset"] = self.reset
        if self.palette.paces:
            found["pace"] = self.pace
        if self._handshakes:
            found["handshake"] = self.handshake
        if self._services:
            found["serve"] = self.serve
        if any(width > 1 for _, width, _ in self.palette.signals) and any(width == 1 for _, width, _ in self.palette.signals):
            found["access"] = self.access
        if self.palette.lingers:
            found["linger"] = self.linger
        if has_frames(self.palette):
            found["frame"] = self.frame
        return found

    @cached_property
    def _handshakes(self) -> tuple[Handshake, ...]:
        return find_handshakes(self.palette)

    @cached_property
    def _services(self) -> tuple[Service, ...]:
        return find_services(self.palette)

    def draw(self, generator: Generator) -> Made:
        """Draw all inputs for some cycles."""
        quickest, slowest, preferred = generator.choice(((0, 20, None), (0, 60, 0), (0, 40, 1), (85, 97, None), (50, 90, 0), (60, 95, 1)))
        fields = self.palette.drawn(self.palette.inputs, generator, preferred=preferred, quickest=quickest, slowest=slowest)
        cycles = generator.choice((8, 30, 100, 300, 1000))
        return Made((Random(cycles, fields, generator.getrandbits(32)),), "random values on all inputs")

    def pin(self, generator: Generator) -> Made:
        """Hold some inputs at worthwhile values and draw the others."""
        count = generator.randint(1, max(1, len(self.palette.inputs) * 2 // 3))
        pinned = generator.sample(self.palette.inputs, min(count, len(self.palette.inputs)))
        others = [port for port in self.palette.inputs if port not in pinned]
        drive = Drive(tuple((signal, self._value(port, generator)) for port in pinned for signal in port.signals()))
        quickest = generator.choice((0, 0, 50, 90))
        fields = self.palette.drawn(
            others, generator, preferred=generator.choice((None, 0, 1)), quickest=quickest, slowest=generator.choice((quickest, 97))
        )
        cycles = generator.choice((8, 30, 100, 300, 1000, 3000))
        return Made((drive, Random(cycles, fields, generator.getrandbits(32))), "some inputs at chosen values, the others random")

    def poke(self, generator: Generator) -> Made:
        """Set a few inputs, let time pass, several times."""
        steps: list[Step] = []
        for _ in range(generator.choice((1, 2, 4, 10, 30))):
            chosen = generator.sample(self.palette.signals, min(len(self.palette.signals), generator.choice((1, 1, 2, 4))))
            values = tuple(
                (signal, self._value(port, generator) if width == port.width else generator.getrandbits(width))
                for signal, width, port in chosen
            )
            steps += [Drive(values), Hold(self._hold(generator))]
        return Made(tuple(steps), "single changes with time between them")

    def toggle(self, generator: Generator) -> Made:
        """Switch one bit on and off many times, for what counts events."""
        bits = [signal for signal, width, _ in self.palette.signals if width == 1]
        if not bits:
            return self.poke(generator)
        bit = generator.choice(bits)
        high, low = generator.choice((1, 1, 2, 3)), generator.choice((1, 1, 2, 5))
        body: tuple[Step, ...] = (Drive(((bit, 1),)), Hold(high), Drive(((bit, 0),)), Hold(low))
        return Made((Repeat(generator.choice((2, 10, 20, 70, 300)), body),), f"many pulses on {bit}")

    def wait(self, generator: Generator) -> Made:
        """Let time pass as long as a counter of the design may take, or until an output changes."""
        if self.palette.flags and generator.random() < 0.4:
            flag = generator.choice(self.palette.flags)
            return Made((Wait(flag, generator.getrandbits(1), generator.choice((50, 500, 5000))), Hold(1)), f"waiting for {flag}")
        return Made((Hold(generator.choice(self.palette.holds)),), "time passing")

    def reset(self, generator: Generator) -> Made:
        """Reset in mid-run, all or one of several."""
        ports = () if len(self.palette.resets) == 1 or generator.random() < 0.5 else (generator.choice(self.palette.resets),)
        after = self.draw(generator).steps if generator.random() < 0.5 else (Hold(2),)
        return Made((Reset(generator.choice((1, 2, RESET_CYCLES)), ports), *after), "a reset in mid-run")

    def pace(self, generator: Generator) -> Made:
        """Run the clocks at another ratio for what follows: one slow against the others, or each at a speed of its own."""
        paces = self.palette.paces
        if generator.random() < 0.5:
            odd = generator.choice(list(paces))
            rank = generator.randrange(1, len(paces[odd]))
            speeds = {clock: choices[rank if clock == odd else 0] for clock, choices in paces.items()}
        else:
            speeds = {clock: generator.choice(choices) for clock, choices in paces.items()}
        after = self.draw(generator) if self.palette.inputs and generator.random() < 0.7 else self.wait(generator)
        steps = (*(Pace(clock, half_period) for clock, half_period in speeds.items()), *after.steps)
        return Made(steps, f"another ratio of the clocks with {after.origin}")

    def handshake(self, generator: Generator) -> Made:
        """Ask and wait for the answer."""
        place = self._choose("handshake", len(self._handshakes), generator)
        handshake = self._handshakes[place]
        origin = f"requests on {', '.join(handshake.asks)} that wait for {handshake.answer}"
        return Made(requests(self.palette, handshake, generator), origin, ("handshake", place))

    def serve(self, generator: Generator) -> Made:
        """Answer what the design asks for."""
        place = self._choose("serve", len(self._services), generator)
        service = self._services[place]
        return Made(serve(self.palette, service, generator), f"answers to {service.request}", ("serve", place))

    def access(self, generator: Generator) -> Made:
        """Read and write registers."""
        return Made(accesses(self.palette, self._handshakes, generator), "accesses one after the other")

    def linger(self, generator: Generator) -> Made:
        """Hold or draw some inputs until a long counter has come to its end."""
        chosen = generator.sample(self.palette.signals, generator.randint(0, len(self.palette.signals)))
        drive = Drive(
            tuple((signal, generator.getrandbits(1) if width == 1 else self._value(port, generator)) for signal, width, port in chosen)
        )
        return Made((drive, Hold(generator.choice(self.palette.lingers))), "time enough for a long counter")

    def frame(self, generator: Generator) -> Made:
        """Send serial frames."""
        holds = self.palette.bit_holds
        place = self._choose("bit", len(holds), generator)
        hold = holds[place] if generator.random() < 0.8 else min(generator.choice(self.palette.holds), LONGEST_BIT)
        return Made(frames(self.palette, generator, hold), "serial frames, bit by bit", ("bit", place))

    def aim(self, aim: Aim, generator: Generator) -> Made:
        """Play with the inputs that a hole's conditions depend on, and with the values that these name; the others stay as they are."""
        known = {signal: port for signal, width, port in self.palette.signals if width == port.width}
        near = [(signal, port) for signal, port in known.items() if port.name in aim.inputs]
        values: dict[str, list[int]] = {}
        for name, value in aim.wanted:
            values.setdefault(name, []).append(value)

        def chosen(signal: str, port: Port) -> tuple[str, int]:
            wanted = values.get(port.name, ())
            return signal, generator.choice(wanted) & ((1 << port.width) - 1) if wanted and generator.random() < 0.7 else self._value(
                port, generator
            )

        def some(least: float) -> Drive:
            return Drive(tuple(chosen(signal, port) for signal, port in near if generator.random() < least))

        steps: list[Step] = []
        if generator.random() < 0.5:
            for _ in range(generator.choice((1, 2, 4, 8))):
                steps += [some(generator.choice((0.4, 0.8))), Hold(self._hold(generator))]
        else:
            moving = [port for port in self.palette.inputs if port.name in aim.inputs and generator.random() < 0.7]
            fields = self.palette.drawn(moving, generator, preferred=generator.choice((None, 0, 1)), slowest=generator.choice((20, 90)))
            steps += [some(0.8), Random(generator.choice((8, 30, 100, 300)), fields, generator.getrandbits(32))]
        return Made(tuple(steps), f"changes of {', '.join(aim.inputs[:3])}")

    def vary(self, steps: Sequence[Step], others: Sequence[Sequence[Step]], generator: Generator) -> tuple[Step, ...]:
        """Change steps that proved useful in a few places: values, lengths, order, or a splice with other such steps."""
        changed = list(steps)
        for _ in range(generator.choice((1, 1, 2, 4))):
            if not changed:
                break
            place = generator.randrange(len(changed))
            match generator.randrange(8):
                case 0:
                    del changed[place]
                case 1:
                    changed[place:place] = self.poke(generator).steps
                case 2 if others:
                    other = generator.choice(others)
                    changed[place:] = other[generator.randrange(len(other)) if other else 0 :]
                case 3:
                    changed[place : place + 2] = [Repeat(generator.choice((2, 4, 16, 64)), tuple(changed[place : place + 2]))]
                case 4:
                    # What counted one event counts many: a counter of them comes to its end.
                    changed = [Repeat(generator.choice((2, 4, 8, 16, 32, 64, 256)), tuple(changed))]
                case _:
                    changed[place] = self._varied(changed[place], generator)
        return (*changed[:LONGEST], Hold(1))

    def _varied(self, step: Step, generator: Generator) -> Step:
        match step:
            case Hold():
                return Hold(self._hold(generator), step.clock)
            case Random():
                cycles = generator.choice((step.cycles, step.cycles * 2, max(1, step.cycles // 2)))
                return Random(min(cycles, 5000), step.fields, generator.getrandbits(32))
            case Wait():
                return Wait(step.signal, step.value, generator.choice((10, 200, 3000)), step.equal)
            case Repeat():
                return Repeat(max(1, min(2000, step.count * generator.choice((1, 2, 4)) + generator.choice((-1, 0, 1)))), step.steps)
            case Pace():
                return Pace(step.clock, generator.choice(self.palette.paces[step.clock]))
            case Drive():
                owners = {signal: (width, port) for signal, width, port in self.palette.signals}
                values = dict(step.values)
                known = [name for name in values if name in owners]
                if known:
                    name = generator.choice(known)
                    width, port = owners[name]
                    flipped = values[name] ^ 1 << generator.randrange(width)
                    values[name] = flipped if generator.random() < 0.5 or width != port.width else self._value(port, generator)
                return Drive(tuple(values.items()))
            case _:
                return step

    def _value(self, port: Port, generator: Generator) -> int:
        return self.palette.word(port, generator)

    def _hold(self, generator: Generator) -> int:
        if generator.random() < 0.5:
            return generator.choice((1, 1, 1, 2, 3, 4))
        holds = self.palette.holds
        return holds[min(generator.randrange(len(holds)), generator.randrange(len(holds)))]
