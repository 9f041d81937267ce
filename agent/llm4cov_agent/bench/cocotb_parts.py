"""The fixed parts of a rendered cocotb testbench, as text. Knows no design; each `TICK` has one hole."""

from __future__ import annotations

GENERATOR = '''

class Xorshift32:
    """Random numbers: a 32-bit xorshift, so that every simulator draws the same ones."""

    def __init__(self, state):
        self.state = state

    def advance(self):
        self.state ^= self.state << 13 & 0xFFFFFFFF
        self.state ^= self.state >> 17
        self.state ^= self.state << 5 & 0xFFFFFFFF
        return self.state

    def bits(self, width):
        """Draw 32 bits at a time, the least significant first."""
        value = 0
        for low in range(0, width, 32):
            value |= self.advance() << low
        return value & (1 << width) - 1

    def below(self, bound):
        return (self.advance() >> 16) % bound

    def chance(self, percent):
        return self.below(100) < percent

    def draw(self, width, percent, choices):
        """Draw one of the choices in so many percent of the calls, else any value."""
        if self.chance(percent):
            return choices[self.below(len(choices))]
        return self.bits(width)'''

TO_SIGNED = '''

def to_signed(value, width):
    """Read a bit pattern as a two's complement number."""
    return value - (value >> width - 1 << width)'''

CLOCK = '''

class FreeRunningClock:
    """A clock that is low from 0 on, and has an edge every half period after its phase."""

    def __init__(self, *, half_period_ns, phase_ns, active):
        self.half_period_ns, self.phase_ns, self.active = half_period_ns, phase_ns, active
        self.active_edge = Event()

    async def drive(self, write):
        """Call `write` with each new level, for ever."""
        level = 0
        if self.phase_ns:
            await Timer(self.phase_ns, "ns")
        while True:
            await Timer(self.half_period_ns, "ns")
            level = 1 - level
            write(level)
            if level == self.active:
                self.active_edge.set()'''

IMPORTS_OF_PIN = "from cocotb.types import LogicArray"

PIN = '''

class Pin:
    """A bidirectional port: a value, and whether the testbench drives it.

    Verilator has no tri-state on ports of the top module. There, a released port reads as 0 inside the
    design, and what the design drives does not come back to it.
    """

    def __init__(self, width):
        self.width, self.value, self.enable = width, 0, 0

    def set(self, handle, *, value=None, enable=None):
        self.value = self.value if value is None else value
        self.enable = self.enable if enable is None else enable
        if self.enable:
            handle.value = LogicArray.from_unsigned(self.value, self.width)
        else:
            handle.value = LogicArray("Z" * self.width)'''

TICK = '''

async def tick(cycles, clock={reference}):
    """Let cycles pass. Stop 1 ns after the active edge: inputs change there, clear of it."""
    for _ in range(cycles):
        clock.active_edge.clear()
        await clock.active_edge.wait()
    await Timer(1, "ns")'''

TICK_WITHOUT_CLOCK = '''

async def tick(cycles):
    """Let the design settle for so many cycles."""
    await Timer({period} * cycles, "ns")'''

WAIT_FOR = '''

async def wait_for(signal, wanted, *, limit):
    """Let cycles pass until a signal has a value, at most `limit`."""
    for _ in range(limit):
        if signal.value == wanted:
            return
        await tick(1)'''

WAIT_WHILE = '''

async def wait_while(signal, unwanted, *, limit):
    """Let cycles pass while a signal has a value, at most `limit`."""
    for _ in range(limit):
        if signal.value != unwanted:
            return
        await tick(1)'''
