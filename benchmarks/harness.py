"""How fast the harness runs beside a bare C++ loop over the same compiled model: `python -m benchmarks.harness [--every N] [--cycles N]`.

Both run the same model (same flags, all coverage on), one after the other: once with all inputs still, once with all inputs
drawn anew in each cycle. The bare loop does nothing but toggle the first clock, evaluate, and draw.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fixtures import loader

from benchmarks import results
from llm4cov_agent.bench.stimulus import Hold, Random, RandomField, Step, free_clocks
from llm4cov_agent.closure.harness import Order, open_harness
from llm4cov_agent.closure.palette import Palette
from llm4cov_agent.closure.shell import make_shell
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.judge.build_cache import BuildCache
from llm4cov_agent.judge.simulator import SimulationLimits
from llm4cov_agent.judge.verilator import Verilator, find_toolchain
from llm4cov_agent.judge.verilator.program import build_program
from llm4cov_agent.rtl.design import Design

BARE = """\
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include "verilated.h"
#include "Vtop.h"
#include "Vtop__Syms.h"
struct Input { uint32_t* words; uint8_t* bytes; uint32_t width; };
int main(int argc, char** argv) {
    VerilatedContext context;
    Vtop top{&context, ""};
    Vtop__Syms* const symbols = top.vlSymsp;
    Input inputs[] = { INPUTS };
    const bool draws = std::atoi(argv[2]);
    uint32_t state = 2463534242u;
    top.eval();
    const auto started = std::chrono::steady_clock::now();
    for (long i = std::atol(argv[1]); i; --i) {
        if (draws)
            for (Input& input : inputs) {
                for (uint32_t word = 0; word < (input.width + 31) / 32; ++word) {
                    state ^= state << 13; state ^= state >> 17; state ^= state << 5;
                    const uint32_t last = word == input.width / 32 ? (1u << input.width % 32) - 1 : ~0u;
                    if (input.width <= 8) *input.bytes = uint8_t(state & last);
                    else if (input.width <= 16) *reinterpret_cast<uint16_t*>(input.bytes) = uint16_t(state & last);
                    else input.words[word] = state & last;
                }
            }
        top.CLOCK = 1; top.eval();
        top.CLOCK = 0; top.eval();
    }
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - started;
    std::printf("%f\\n", passed.count());
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--cycles", type=int, default=500_000)
    options = parser.parse_args()
    config = read_config()
    simulator = Verilator(find_toolchain(), BuildCache(config.cache_dir / "builds", max_bytes=config.cache_bytes))
    rows: list[dict[str, Json]] = []
    print(f"{'fixture':20} {'bare still':>12} {'harness':>12} {'':>6}   {'bare drawn':>12} {'harness':>12}    in cycles per second")
    for name in loader.names()[:: options.every]:
        design = loader.design(name)
        if len(free_clocks(design)) != 1:
            continue
        bare = _bare(simulator, design, options.cycles)
        own = _harness(simulator, design, options.cycles)
        still, drawn = own[0] / bare[0], own[1] / bare[1]
        rows.append({"fixture": name, "bare_still": bare[0], "still": own[0], "bare_drawn": bare[1], "drawn": own[1]})
        print(
            f"{name:20} {bare[0]:12.0f} {own[0]:12.0f} {100 * still:5.0f} %   {bare[1]:12.0f} {own[1]:12.0f} {100 * drawn:5.0f} %",
            flush=True,
        )
    medians = [statistics.median(float(str(row[key])) / float(str(row[f"bare_{key}"])) for row in rows) for key in ("still", "drawn")]
    print(f"\nmedian over {len(rows)} designs with one clock: inputs still {100 * medians[0]:.0f} %, drawn {100 * medians[1]:.0f} %")
    results.write("harness", {"cycles": options.cycles, "median_still": medians[0], "median_drawn": medians[1], "rows": list(rows)})
    return 0


def _bare(simulator: Verilator, design: Design, cycles: int) -> tuple[float, float]:
    shell, clock = make_shell(design), free_clocks(design)[0].port
    resets = {reset.port for reset in design.resets}
    ports = {port.signal: port for port in shell.inputs}
    drawn = [port for port in shell.inputs if port.signal != clock and port.signal not in resets]
    inputs = ", ".join(
        f"{{reinterpret_cast<uint32_t*>(&symbols->TOP.{port.name}), reinterpret_cast<uint8_t*>(&symbols->TOP.{port.name}), {port.width}}}"
        for port in drawn
    )
    text = BARE.replace("INPUTS", inputs or "{nullptr, nullptr, 0}").replace("CLOCK", ports[clock].name)

    def prepare(generated: Path) -> Path:
        (generated / "bare.cpp").write_text(text)
        return generated / "bare.cpp"

    with build_program(
        simulator, design, shell_name=shell.name, shell_text=shell.text, prepare=prepare, kept=(), inputs=text, limits=SimulationLimits()
    ) as program:
        assert not program.problems, program.problems

        def rate(draws: bool) -> float:
            done = subprocess.run([str(program.binary), str(cycles), str(int(draws))], capture_output=True, text=True, check=True)
            return cycles / float(done.stdout.split()[-1])

        return _best(lambda: rate(False)), _best(lambda: rate(True))


def _harness(simulator: Verilator, design: Design, cycles: int) -> tuple[float, float]:
    clocks = free_clocks(design)
    palette = Palette(design, clocks)
    fields = tuple(RandomField(signal) for signal, _, _ in palette.signals)
    with open_harness(design, simulator, clocks, workers=1, limits=SimulationLimits()) as opened:
        assert opened.harness is not None, opened.problems
        harness = opened.harness
        harness.start()

        def rate(steps: tuple[Step, ...]) -> float:
            started = time.perf_counter()
            [report] = harness.run([Order(steps)], most_cycles=2 * cycles)
            return report.cycles / (time.perf_counter() - started)

        return _best(lambda: rate((Hold(cycles),))), _best(lambda: rate((Random(cycles, fields, 1),)))


def _best(measure: Callable[[], float]) -> float:
    return max(measure() for _ in range(3))


if __name__ == "__main__":
    sys.exit(main())
