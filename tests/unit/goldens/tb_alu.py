# Testbench of alu for cocotb 2.
#
# To build and run it:
#
#   from cocotb_tools.runner import get_runner
#
#   runner = get_runner("verilator")
#   runner.build(
#       sources=["alu.sv"],
#       hdl_toplevel="alu",
#   )
#   runner.test(hdl_toplevel="alu", test_module="tb_alu")

import cocotb
from cocotb.triggers import Event, Timer
from cocotb.types import LogicArray


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
        return self.bits(width)


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
                self.active_edge.set()


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
            handle.value = LogicArray("Z" * self.width)


clk = FreeRunningClock(half_period_ns=5, phase_ns=0, active=1)
pads = Pin(4)
rng = Xorshift32(0x00ad4528)  # Seed 42, one step taken.


async def tick(cycles, clock=clk):
    """Let cycles pass. Stop 1 ns after the active edge: inputs change there, clear of it."""
    for _ in range(cycles):
        clock.active_edge.clear()
        await clock.active_edge.wait()
    await Timer(1, "ns")


async def wait_for(signal, wanted, *, limit):
    """Let cycles pass until a signal has a value, at most `limit`."""
    for _ in range(limit):
        if signal.value == wanted:
            return
        await tick(1)


# Puts rst_n into reset for so many cycles.
async def reset_dut(dut, cycles):
    dut.rst_n.value = 0
    await tick(cycles)
    dut.rst_n.value = 1


# Reset, then one addition.
async def start_up(dut):
    await reset_dut(dut, 3)
    dut.a.value = 0x1234
    dut.op.value = 0  # ADD
    dut.start.value = 1
    await tick(1)
    await wait_for(dut.busy, 0, limit=20)


# Random requests while the pads change hands.
async def table(dut):
    for _ in range(100):
        dut.start.value = rng.draw(1, 80, (0,))
        if not rng.chance(30):
            dut.a.value = rng.draw(16, 50, (0, 0x1234, 0x1234))
        for index in range(0, 8):
            if not rng.chance(90):
                dut.regs[index].value = rng.bits(8)
        pads.set(dut.pads, value=rng.bits(4))
        if not rng.chance(70):
            pads.set(dut.pads, enable=rng.bits(1))
        await tick(1)


@cocotb.test()
async def test_alu(dut):
    dut.clk.value = 0
    dut.rst_n.value = 1
    dut.start.value = 0
    dut.op.value = 0  # ADD
    dut.a.value = 0
    pads.set(dut.pads, value=0)
    for index in range(0, 8):
        dut.regs[index].value = 0
    cocotb.start_soon(clk.drive(lambda level: dut.clk.set(level)))
    await Timer(1, "ns")
    await start_up(dut)
    await table(dut)
