"""States and transitions as records: they come back as they were, and their digests hold what matters and nothing else."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm4cov_agent.bench.stimulus import ClockDrive, Drive, Hold, Pace, Random, RandomField, Repeat, Reset, Sequence, Stimulus, Wait
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import CoveragePoint, Kind, Tally
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.backend import CompletionEnding
from llm4cov_agent.loop.policy import PromptOptions, Proposal, ReplyFormat
from llm4cov_agent.loop.state import DesignText, Instruction, Missed, Observation, State, read_design_text
from llm4cov_agent.loop.transition import StopReason, Transition
from llm4cov_agent.rtl.design import Edge
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_agent.trajectories.codec import (
    Packed,
    measured_json,
    pack_design,
    pack_observation,
    pack_state,
    pack_transition,
    read_json,
    unpack_observation,
    unpack_state,
    unpack_transition,
    write_json,
)
from llm4cov_agent.trajectories.remake import remake
from llm4cov_agent.trajectories.rows import design_digest, evaluation_row, state_row, transition_row
from tests.unit.designs_by_hand import design as design_by_hand
from tests.unit.stored_values import STIMULUS, bench, design_in, refused, transition


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> DesignText:
    return design_in(tmp_path_factory.mktemp("counter"))


DESIGN = DesignText(replace(design_by_hand("x", ()), files=()), ())

# Any text at all: single surrogates, NULs, other planes. Two surrogates that make a pair are one character everywhere in JSON.
texts = st.text(alphabet=st.characters(), max_size=12).map(
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
whole = st.integers() | st.integers(-(2**200), 2**200)
places = st.none() | st.integers(1, 10**6)
problems = st.builds(Problem, texts, st.none() | texts, places, places, st.none() | texts, st.sampled_from(Severity), st.none() | texts)
points = st.builds(CoveragePoint, st.sampled_from(Kind), texts, st.integers(1), st.integers(1), texts)
observations = st.builds(
    Observation,
    status=st.none() | st.sampled_from(RunStatus),
    problems=st.lists(problems, max_size=3).map(tuple),
    tallies=st.dictionaries(st.sampled_from(Kind), st.builds(Tally, st.integers(0), st.integers(0), st.integers(0))),
    holes=st.lists(st.builds(Missed, points, st.sampled_from(VerdictKind), st.lists(texts, max_size=2).map(tuple)), max_size=4).map(tuple),
    cycles=st.none() | whole,
    log=texts,
    refused=st.lists(problems, max_size=2).map(tuple),
)
fields = st.builds(RandomField, texts, st.lists(whole, max_size=3).map(tuple), st.integers(0, 100), st.integers(0, 100))
steps = st.recursive(
    st.builds(Reset, whole, st.lists(texts, max_size=2).map(tuple))
    | st.builds(Drive, st.dictionaries(texts, whole, max_size=3).map(lambda values: tuple(values.items())))
    | st.builds(Hold, whole, st.none() | texts)
    | st.builds(Wait, texts, whole, whole, st.booleans())
    | st.builds(Random, whole, st.lists(fields, max_size=2).map(tuple), st.none() | whole)
    | st.builds(Pace, texts, whole),
    lambda inner: st.builds(Repeat, whole, st.lists(inner, max_size=3).map(tuple)),
    max_leaves=6,
)
stimuli = st.builds(
    Stimulus,
    texts,
    whole,
    st.lists(st.builds(ClockDrive, texts, whole, whole, st.sampled_from(Edge)), max_size=2).map(tuple),
    st.lists(st.builds(Sequence, texts, texts, st.lists(steps, max_size=3).map(tuple)), max_size=2).map(tuple),
)
any_text = st.text(alphabet=st.characters(), max_size=30)
testbenches = st.builds(Testbench, st.sampled_from(Language), texts, any_text)
states = st.builds(State, st.just(DESIGN), st.none() | testbenches, st.none() | stimuli, st.none() | observations)
proposals = st.builds(
    Proposal,
    testbench=st.none() | testbenches,
    stimulus=st.none() | stimuli,
    problems=st.lists(problems.map(lambda one: replace(one, file=None)), max_size=2).map(tuple),
    reply=any_text,
    ending=st.none() | st.sampled_from(CompletionEnding),
    options=st.none() | st.builds(PromptOptions, format=st.sampled_from(ReplyFormat), budget_tokens=st.integers(1, 10**6)),
    prompt_tokens=st.none() | whole,
    completion_tokens=st.none() | whole,
    seconds=st.floats(0, 1e9),
    is_trusted=st.booleans(),
)
transitions = st.builds(
    Transition,
    number=st.integers(0),
    policy=texts,
    model=st.none() | texts,
    seed=whole,
    instruction=st.sampled_from(Instruction),
    state=states,
    proposal=proposals,
    after=states,
    kept=st.booleans(),
    judge_s=st.floats(0, 1e9),
    loop_s=st.floats(0, 1e9),
    ended=st.none() | st.sampled_from(StopReason),
)


def packed_state(state: State) -> tuple[Packed, dict[str, bytes], str | None]:
    seen = pack_observation(state.observation) if state.observation is not None else None
    packed = pack_state(state, design=pack_design(state.design).digest, evaluation=seen.digest if seen else None)
    return packed, {**packed.contents, **(seen.contents if seen else {})}, seen.body if seen else None


def again(state: State) -> State:
    packed, contents, body = packed_state(state)
    observation = unpack_observation(body, contents) if body is not None else None
    return unpack_state(packed.body, contents, design=state.design, observation=observation)


def packed_transition(one: Transition) -> Packed:
    return pack_transition(one, state=packed_state(one.state)[0], after=packed_state(one.after)[0])


@given(states)
@settings(max_examples=150, deadline=None)
def test_states_come_back_as_they_were(state: State) -> None:
    assert again(state) == state
    packed, contents, body = packed_state(again(state))
    assert packed == packed_state(state)[0]
    json.loads(packed.body.encode("ascii"))
    assert state_row(packed.digest, packed.body, contents)["testbench"] == (state.testbench.digest if state.testbench else None)
    if body is not None and state.observation is not None:
        row = evaluation_row("", body)
        assert (row["overall"], row["reachable"]) == (state.observation.overall, state.observation.reachable)


@given(transitions)
@settings(max_examples=150, deadline=None)
def test_transitions_come_back_as_they_were(one: Transition) -> None:
    packed = packed_transition(one)
    contents = {**packed.contents, **packed_state(one.after)[1]}
    back = unpack_transition(packed.body, measured_json(one), contents, state=one.state, after=one.after)
    assert back == one
    assert packed_transition(back).digest == packed.digest
    row = transition_row("t", 0, digest=packed.digest, body=packed.body, measured=measured_json(one), stored="")
    assert row["seed"] == (one.seed if one.seed.bit_length() <= 63 else None)
    assert write_json(read_json(packed.body)) == packed.body


def test_what_was_measured_is_no_part_of_the_digest(counter: DesignText) -> None:
    one = transition(counter)
    slower = replace(
        one, number=8, judge_s=9.0, loop_s=9.0, ended=StopReason.BUDGET,
        proposal=replace(one.proposal, seconds=99.0, prompt_tokens=1, completion_tokens=None),
    )  # fmt: skip
    assert packed_transition(slower) == packed_transition(one)
    assert measured_json(slower) != measured_json(one)


@pytest.mark.parametrize(
    "change",
    [
        {"kept": False},
        {"policy": "endpoint"},
        {"model": None},
        {"seed": 5},
        {"instruction": Instruction.FIX_RUN},
        {"options": PromptOptions(budget_tokens=1)},
        {"options": PromptOptions(format=ReplyFormat.FULL, budget_tokens=2000)},
        {"reply": "other words"},
        {"ending": CompletionEnding.LENGTH},
        {"is_trusted": False},
        {"stimulus": replace(STIMULUS, seed=8)},
        {"testbench": bench("module other; endmodule")},
    ],
)
def test_everything_that_decides_is_part_of_the_digest(counter: DesignText, change: dict[str, object]) -> None:
    one = transition(counter)
    of_proposal = set(change) <= {field.name for field in dataclasses.fields(Proposal)}
    other = replace(one, proposal=replace(one.proposal, **change)) if of_proposal else replace(one, **change)  # type: ignore[arg-type]
    assert packed_transition(other).digest != packed_transition(one).digest


def test_the_order_of_inputs_in_a_step_is_kept() -> None:
    drives = [Drive((("a", 1), ("b", 2))), Drive((("b", 2), ("a", 1)))]
    packed = [packed_state(State(DESIGN, None, replace(STIMULUS, sequences=(Sequence("s", "", (one,)),)))) for one in drives]
    assert packed[0][0].digest != packed[1][0].digest


def test_no_path_of_the_machine_is_stored(tmp_path: Path) -> None:
    design = design_in(tmp_path)
    path = str(design.design.files[0].path)
    one = transition(design)
    one = replace(
        one, proposal=replace(one.proposal, problems=(Problem("bad", file=path),), testbench=replace(bench(), path=tmp_path / "tb.sv"))
    )
    packed = packed_transition(one)
    everything = packed.body + packed_state(one.after)[0].body + pack_design(design).body + measured_json(one)
    assert str(tmp_path) not in everything and '"rtl/counter.v"' in packed.body
    again_packed = unpack_transition(
        packed.body, measured_json(one), {**packed.contents, **packed_state(one.after)[1]}, state=one.state, after=one.after
    )
    assert packed_transition(again_packed).digest == packed.digest


def test_every_field_of_the_values_is_known_here() -> None:
    """Whoever adds a field decides whether it is stored: this list is what the codec was written for."""
    known = {
        State: "design testbench stimulus observation",
        Observation: "status problems tallies holes cycles log refused",
        Missed: "point verdict conditions",
        Proposal: "testbench stimulus problems reply ending options prompt_tokens completion_tokens seconds is_trusted closed",
        PromptOptions: "format budget_tokens",
        Transition: "number policy model seed instruction state proposal after kept judge_s loop_s ended evaluation",
        Testbench: "language name text path",
        Problem: "message file line column hint severity code",
        DesignText: "design sources include_dirs",
    }
    for kind, names in known.items():
        assert [field.name for field in dataclasses.fields(kind)] == names.split(), kind  # type: ignore[arg-type]


def test_a_design_is_made_again_elsewhere(tmp_path: Path) -> None:
    original = design_in(tmp_path / "here")
    packed = pack_design(original)
    place = tmp_path / "there"
    place.mkdir()
    made, problems = remake(json.loads(packed.body), packed.contents, place)
    assert made is not None, problems
    assert made.design.digest == original.design.digest == design_digest(packed.body)
    assert made.sources == original.sources and made.include_dirs == original.include_dirs == ("inc",)
    assert [file.role for file in made.design.files] == ["source", "library", "include"]
    assert {port.name: port.width for port in made.design.ports} == {port.name: port.width for port in original.design.ports}
    assert made.design.port("count").width == 16 and made.design.overrides == (("LIMIT", "5"),)
    assert all(file.path.is_relative_to(place) for file in made.design.files)


def test_an_include_by_a_way_up_and_a_data_file_come_along(tmp_path: Path) -> None:
    for name, text in {
        "a/rtl/x.sv": '`include "../inc/n.svh"\nmodule x (input logic [`N:0] a, output logic [7:0] y);\n'
        '  logic [7:0] m [4];\n  initial $readmemh("m.hex", m);\n  assign y = m[a[1:0]];\nendmodule\n',
        "a/inc/n.svh": "`define N 3\n",
        "a/rtl/m.hex": "1 2 3 4\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found, problems = elaborate(FileSet(sources=(tmp_path / "a/rtl/x.sv",)), search=False)
    assert found is not None, problems
    original = read_design_text(found)
    packed = pack_design(original)
    (tmp_path / "b").mkdir()
    made, problems = remake(json.loads(packed.body), packed.contents, tmp_path / "b")
    assert made is not None, problems
    assert made.design.digest == found.digest
    assert [file.role for file in made.design.files] == ["source", "include", "data"]


@pytest.mark.parametrize("name", ["/etc/out.v", "", "nul\0.v", "../" * 20 + "out.v"])
def test_what_is_no_name_of_a_design_file_is_refused(counter: DesignText, tmp_path: Path, name: str) -> None:
    packed = pack_design(counter)
    record = json.loads(packed.body)
    record["files"][0][0] = name
    (tmp_path / "there").mkdir()
    made, problems = remake(record, packed.contents, tmp_path / "there")
    assert made is None and "can't be the name" in problems[0].message
    assert not list((tmp_path / "there").iterdir())


@pytest.mark.parametrize("name", ["../counter.v", "rtl/../../../counter.v", "a/../b/../../counter.v"])
def test_no_stored_name_leads_out_of_the_folder(counter: DesignText, tmp_path: Path, name: str) -> None:
    packed = pack_design(counter)
    record = json.loads(packed.body)
    record["files"][0][0] = name
    (tmp_path / "there").mkdir()
    before = sorted(tmp_path.iterdir())
    made, problems = remake(record, packed.contents, tmp_path / "there")
    assert made is not None, problems
    assert made.design.digest == record["design"]
    assert sorted(tmp_path.iterdir()) == before
    assert all(file.path.is_relative_to(tmp_path / "there") for file in made.design.files)


def test_a_design_that_no_longer_elaborates_is_told(counter: DesignText, tmp_path: Path) -> None:
    packed = pack_design(counter)
    record = json.loads(packed.body) | {"top": "other"}
    (tmp_path / "there").mkdir()
    made, problems = remake(record, packed.contents, tmp_path / "there")
    assert made is None and "other" in problems[0].message


def test_a_reply_without_testbench_comes_back(counter: DesignText) -> None:
    one = refused(transition(counter))
    packed = packed_transition(one)
    back = unpack_transition(packed.body, measured_json(one), packed.contents, state=one.state, after=one.after)
    assert back == one


def test_numbers_that_python_does_not_write_come_back() -> None:
    wide = replace(STIMULUS, sequences=(Sequence("s", "", (Drive((("bus", 2**20000 - 1), ("$int", 2**70))),)),))
    state = State(DESIGN, None, wide)
    assert again(state) == state
