from __future__ import annotations

import importlib.util
import random
from dataclasses import replace

import pytest
from fixtures import loader

from llm4cov_agent.bench.script import MOST_CHARACTERS, parse_script
from llm4cov_agent.bench.script_grammar import script_grammar
from llm4cov_agent.bench.script_steps import MOST_CYCLES
from llm4cov_agent.bench.stimulus import most_cycles, problems_of
from llm4cov_agent.errors import has_errors
from llm4cov_agent.rtl.design import Clock, Edge
from tests.unit import gbnf
from tests.unit.designs_by_hand import ALU, design, port
from tests.unit.test_script_text import ODD

WIDE = design(
    "wide",
    (
        *(port(f"input_{index}", "input", 1 + index % 70) for index in range(300)),
        *(port(f"output_{index}", "output") for index in range(300)),
    ),
)
MANY_CLOCKS = replace(
    design("many", (*(port(f"clk{rank}", "input") for rank in range(9)), port("q", "output", 3))),
    clocks=tuple(Clock(f"clk{rank}", Edge.POSEDGE if rank % 2 else Edge.BOTH, 9 - rank) for rank in range(9)),
)
DESIGNS = {
    "alu_by_hand": ALU,
    "odd": ODD,
    "wide": WIDE,
    "many_clocks": MANY_CLOCKS,
    "nothing": design("nothing", ()),
    "only_a_clock": design("only_a_clock", (port("clk", "input"),), clocks=("clk",)),
    "only_outputs": design("only_outputs", (port("clk", "input"), port("\u00fc", "output", 4)), clocks=("clk",)),
    "no_clock": design("no_clock", (port("a", "input", 5), port("y", "output", 2))),
    "memory": design("memory", (port("rows", "input", 128, unpacked=((0, 1023), (3, 0))),)),
}
NAMES = [*DESIGNS, *loader.names()]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_the_grammar_allows_is_read(name: str) -> None:
    found = DESIGNS.get(name) or loader.design(name)
    rules = gbnf.read(script_grammar(found))
    generator = random.Random(name)
    for rank in range(30):
        text = gbnf.draw(rules, generator, longest=rank % 6 == 0)
        stimulus, problems = parse_script(text, found, seed=1)
        assert stimulus is not None, ([str(problem) for problem in problems], text)
        assert not has_errors(problems)
        assert problems_of(stimulus, found) == ()
        assert most_cycles(stimulus) <= MOST_CYCLES
        assert len(text) < MOST_CHARACTERS


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_used_and_defined(name: str) -> None:
    rules = gbnf.read(script_grammar(DESIGNS.get(name) or loader.design(name)))
    used = {"root"}

    def visit(part: gbnf.Part) -> None:
        match part:
            case gbnf.Rule():
                assert part.name in rules
                used.add(part.name)
            case gbnf.Times():
                visit(part.part)
            case gbnf.Row():
                for inner in part.parts:
                    visit(inner)
            case gbnf.Any():
                for inner in part.ways:
                    visit(inner)
            case _:
                pass

    for part in rules.values():
        visit(part)
    assert used == set(rules)


@pytest.mark.parametrize("name", NAMES)
def test_llama_reads_the_grammar(name: str) -> None:
    if importlib.util.find_spec("llama_cpp") is None:
        pytest.skip("llama-cpp-python is an extra")
    import llama_cpp

    assert llama_cpp.LlamaGrammar.from_string(script_grammar(DESIGNS.get(name) or loader.design(name)), verbose=False) is not None


def test_the_longest_script_stays_within_the_cycles() -> None:
    """Every count at its largest, also behind the slowest clock."""
    for found in (MANY_CLOCKS, loader.design("fifo_async"), loader.design("uart")):
        rules = gbnf.read(script_grammar(found))
        for count in ("count-l", "count-m", "count-s", "count-t"):
            if count in rules:
                rules[count] = gbnf.Text({"count-l": "1999", "count-m": "179", "count-s": "16", "count-t": "4"}[count])
        reached = 0
        generator = random.Random(5)
        for kind in ("hold", "wait", "random", "on"):
            for _ in range(20):
                one = dict(rules)
                for step in ("step-l", "step-m", "step-s"):
                    one[step] = _only(rules[step], kind)
                stimulus, problems = parse_script(gbnf.draw(one, generator, longest=True), found, seed=1)
                assert stimulus is not None, [str(problem) for problem in problems]
                reached = max(reached, most_cycles(stimulus))
        assert 0.9 * MOST_CYCLES < reached <= MOST_CYCLES


def _only(step: gbnf.Part, kind: str) -> gbnf.Part:
    """Leave the alternatives of a step that begin with a verb, or hold on another clock; all of them if there is none."""

    def fits(way: gbnf.Part) -> bool:
        texts = [part.text for part in way.parts if isinstance(part, gbnf.Text)] if isinstance(way, gbnf.Row) else []
        return " on " in texts if kind == "on" else bool(texts) and texts[0].strip() == kind and " on " not in texts

    assert isinstance(step, gbnf.Any) and isinstance(step.ways[0], gbnf.Row)
    inner, *rest = step.ways[0].parts
    assert isinstance(inner, gbnf.Any)
    return gbnf.Row((gbnf.Any(tuple(way for way in inner.ways if fits(way)) or inner.ways), *rest))


def test_grammars_are_small() -> None:
    for name in loader.names():
        assert len(script_grammar(loader.design(name))) < 2500
    grammar = script_grammar(WIDE)
    assert len(grammar) < 20_000
    assert all(grammar.count(f'"input_{index}"') == 1 for index in range(300))


def test_clocks_and_resets_are_left_out_of_what_is_driven() -> None:
    rules = gbnf.read(script_grammar(ALU))
    generator = random.Random(1)
    text = "".join(gbnf.draw(rules, generator) for _ in range(50))
    assert " clk=" not in text and " rst_n=" not in text
    assert " op=NOP" in text and " pads.enable=1" in text and " regs[7]=" in text
