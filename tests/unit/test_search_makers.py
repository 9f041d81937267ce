"""What a search makes for buses, serial lines, composed words and aims: the steps themselves, without a simulator."""

from __future__ import annotations

from pathlib import Path
from random import Random as Generator

import pytest
from fixtures import loader

from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, Repeat, Sequence, Step, Stimulus, Wait, free_clocks, problems_of, walk
from llm4cov_agent.closure.aims import aims_for
from llm4cov_agent.closure.mutate import Makers
from llm4cov_agent.closure.palette import Palette
from llm4cov_agent.closure.protocols import accesses, find_handshakes, find_services, serve
from llm4cov_agent.closure.serial import frames
from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet

REACTIVE = Path(__file__).parent.parent / "acceptance" / "reactive"
NAMES = sorted(path.stem for path in REACTIVE.glob("*.sv"))


def design_of(name: str) -> Design:
    design, problems = elaborate(FileSet(sources=(REACTIVE / f"{name}.sv",), top=name))
    assert design is not None, problems
    return design


def palette_of(name: str) -> Palette:
    design = design_of(name)
    return Palette(design, free_clocks(design))


@pytest.mark.parametrize("name", [*NAMES, "fifo_async", "cpu3", "axis_fifo", "half_adder"])
def test_all_that_is_made_fits_the_design_and_lets_time_pass(name: str) -> None:
    design = design_of(name) if name in NAMES else loader.design(name)
    palette = Palette(design, free_clocks(design))
    makers = Makers(palette)
    for way, make in makers.ways.items():
        for seed in range(25):
            made = make(Generator(seed))
            assert made.origin and made == make(Generator(seed)), way
            stimulus = Stimulus(design.top, 1, palette.clocks, (Sequence("one", way, (*made.steps, Hold(1))),))
            assert not problems_of(stimulus, design), (way, problems_of(stimulus, design))
            varied = makers.vary(made.steps, [made.steps], Generator(seed))
            assert not problems_of(Stimulus(design.top, 1, palette.clocks, (Sequence("one", way, varied),)), design), way


def test_ratios_are_tried_only_where_there_are_several_clocks() -> None:
    assert "pace" not in Makers(palette_of("apb_timer")).ways
    makers = Makers(palette_of("rate_meter"))
    tried = {step for seed in range(60) for step in makers.pace(Generator(seed)).steps if isinstance(step, Pace)}
    for clock in ("clk_a", "clk_b"):
        halves = sorted(step.half_period for step in tried if step.clock == clock)
        assert halves[-1] >= 20 * halves[0]


def test_words_are_composed_of_the_parts_that_are_compared() -> None:
    palette = palette_of("stack_cpu")
    port = next(port for port in palette.inputs if port.name == "instr_rdata_i")
    generator = Generator(1)
    words = [palette.word(port, generator) for _ in range(400)]
    opcodes = {one.value for one in port.compared if (one.low, one.width) == (0, 7)}
    assert sum(word & 0x7F in opcodes for word in words) > 150
    # Fields are set together: an opcode with one of its functions, as the design looks at both.
    assert any(word & 0x7F == 0x33 and word >> 25 == 0x20 and word >> 12 & 7 == 0 for word in words)
    assert any(word & 0x7F == 0x73 and word >> 20 == 0x302 for word in words)
    assert len(set(words)) > 200


def test_an_access_sets_address_and_data_before_it_asks_and_takes_the_request_back() -> None:
    palette = palette_of("apb_timer")
    asked = {
        ask: seed
        for seed in range(40)
        for step in accesses(palette, find_handshakes(palette), Generator(seed))
        if isinstance(step, Drive)
        for ask, level in step.values
        if level and ask in ("psel", "penable", "pwrite")
    }
    assert set(asked) == {"psel", "penable", "pwrite"}
    for seed in range(40):
        steps = accesses(palette, find_handshakes(palette), Generator(seed))
        levels: dict[str, int] = {}
        for step in steps:
            if isinstance(step, Drive):
                levels.update(step.values)
        assert {"paddr", "pwdata"} <= levels.keys()
        assert isinstance(steps[-1], Hold)


def test_a_bus_master_is_answered_when_it_asks() -> None:
    palette = palette_of("wb_copier")
    services = {service.request: service.answers for service in find_services(palette)}
    assert "wb_ack_i" in services["wb_stb_o"] and "wb_ack_i" in services["wb_cyc_o"]
    service = next(one for one in find_services(palette) if one.request == "wb_stb_o")
    body = next(step for step in serve(palette, service, Generator(2)) if isinstance(step, Repeat)).steps
    assert isinstance(body[0], Wait) and (body[0].signal, body[0].value) == ("wb_stb_o", 1)
    drawn = [field.signal for step in body if isinstance(step, Random) for field in step.fields]
    assert "wb_dat_i" in drawn and "wb_ack_i" not in drawn


def bits_of(steps: tuple[Step, ...], line: str, hold: int) -> list[int]:
    """Read a line in the middle of each bit."""
    level, found = 1, []
    for step in walk(steps):
        if isinstance(step, Drive):
            level = dict(step.values).get(line, level)
        elif isinstance(step, Hold):
            found += [level] * (step.cycles // hold)
    return found


def test_a_uart_frame_carries_words_that_the_design_compares_with() -> None:
    palette, words = palette_of("uart_console"), set()
    assert 26 in palette.bit_holds and ord("L") in palette.words(8)
    for seed in range(300):
        bits = bits_of(frames(palette, Generator(seed), 26), "rx", 26)
        start = bits.index(0)
        words.add(sum(bit << place for place, bit in enumerate(bits[start + 1 : start + 9])))
    assert {ord("L"), ord("T"), ord("C")} <= words


def test_an_i2c_transfer_starts_addresses_and_stops() -> None:
    palette, addressed, stopped = palette_of("i2c_target"), 0, 0
    for seed in range(200):
        scl = sda = 1
        started = False
        bits: list[int] = []
        for step in frames(palette, Generator(seed), 4):
            if not isinstance(step, Drive):
                continue
            values = dict(step.values)
            now_scl, now_sda = values.get("scl_i", scl), values.get("sda_i", sda)
            assert now_scl == scl or now_sda == sda, "clock and data never move together"
            if scl and now_scl and now_sda < sda:
                started, bits = True, []
            stopped += scl and now_scl and now_sda > sda
            if started and now_scl > scl:
                bits.append(now_sda)
            addressed += len(bits) == 8 and now_scl > scl and bits[:7] == [1, 0, 1, 0, 0, 1, 0]
            scl, sda = now_scl, now_sda
    assert addressed > 10 and stopped > 100


def test_an_aim_names_the_inputs_and_values_of_a_hole() -> None:
    palette = palette_of("apb_timer")
    source = REACTIVE / "apb_timer.sv"
    lines = source.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "12'h104: if (unlocked)" in text)
    point = CoveragePoint(Kind.LINE, str(source), line, lines[line - 1].index("12'h104") + 1 + len("12'h104"), "case")
    [aim] = aims_for(palette.design, (port.name for port in palette.inputs)).of(point)
    assert {"psel", "penable", "pwrite", "paddr"} <= set(aim.inputs)
    assert ("paddr", 0x104) in aim.wanted
    assert (str(source), line) in aim.around
    makers = Makers(palette)
    driven = [
        value for seed in range(30) for step in makers.aim(aim, Generator(seed)).steps if isinstance(step, Drive) for value in step.values
    ]
    assert ("paddr", 0x104) in driven and not {name for name, _ in driven} - set(aim.inputs)


def test_long_counters_are_given_time_once_in_a_while() -> None:
    palette = Palette(loader.design("crc"), ())
    assert any(cycles > 65_535 for cycles in palette.lingers)
    assert "linger" in Makers(palette).ways and "linger" not in Makers(palette_of("spi_target")).ways
