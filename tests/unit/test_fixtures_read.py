"""Every fixture is read as its own description says: ports, clocks, resets, and a witness that fits."""

from __future__ import annotations

import pytest
from fixtures import loader

from llm4cov_agent.bench.cocotb import render_cocotb
from llm4cov_agent.bench.stimulus import most_cycles, problems_of
from llm4cov_agent.bench.stimulus_json import from_json, to_json
from llm4cov_agent.bench.systemverilog import render_systemverilog
from llm4cov_agent.loop.policies.random import random_stimulus


def test_there_are_at_least_thirty() -> None:
    assert len(loader.names()) >= 30


@pytest.mark.parametrize("name", loader.names())
def test_clocks_and_resets_are_found_from_the_code(name: str) -> None:
    fixture, design = loader.load(name), loader.design(name)
    assert tuple((clock.port, clock.edge.value) for clock in design.clocks) == fixture.clocks
    assert {(reset.port, reset.active_low, reset.asynchronous) for reset in design.resets} == set(fixture.resets)


@pytest.mark.parametrize("name", loader.names())
def test_it_names_points_to_reach_and_points_that_none_can(name: str) -> None:
    fixture = loader.load(name)
    assert fixture.unreachable, "a fixture has at least one known unreachable point"
    assert fixture.reachable or fixture.no_reachable
    assert not set(fixture.reachable) & set(fixture.unreachable)
    assert (fixture.folder / "README.md").stat().st_size > 200


@pytest.mark.parametrize("name", loader.names())
def test_the_witness_fits_and_reads_back(name: str) -> None:
    witness, design = loader.load(name).witness(), loader.design(name)
    assert problems_of(witness, design) == ()
    assert from_json(to_json(witness)) == (witness, ())
    assert most_cycles(witness) <= 200_000


@pytest.mark.parametrize("name", loader.names())
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    design = loader.design(name)
    for render in (render_systemverilog, render_cocotb):
        one, same, other = (render(random_stimulus(design, seed=seed), design) for seed in (1, 1, 2))
        assert one == same
        assert one.digest != other.digest
        # A command that is to be pasted stays on one line.
        assert max(len(line) for line in one.text.splitlines() if not line.startswith("//   $ ")) <= 120
        assert len(one.text.splitlines()) < 500
