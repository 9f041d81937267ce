"""The parts of a synthesis that need no simulator: short replies, broken ones, the journal, rules that only a teacher sees."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("pyverilog")

from llm4cov_agent.bench.script import parse_script
from llm4cov_agent.bench.stimulus import Hold, RandomField, Repeat, Reset, Sequence, Stimulus, free_clocks
from llm4cov_agent.bench.stimulus import Random as Draw
from llm4cov_agent.errors import BadConfiguration, has_errors
from llm4cov_agent.loop.backend import Message, Request, Role
from llm4cov_agent.loop.policies.backends import BackendKind, BackendSettings
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.loop.policies.recorded import Recorded
from llm4cov_agent.loop.prompt_design import tokens_of
from llm4cov_agent.rtl.design import Design
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_training.corpus.catalogue import generate
from llm4cov_training.synthesis.brief import fitted, simplified
from llm4cov_training.synthesis.items import Kind, Speaker, items_for
from llm4cov_training.synthesis.journal import Entry, Journal
from llm4cov_training.synthesis.lessons import Lesson
from llm4cov_training.synthesis.novice import damaged, novice_reply
from llm4cov_training.synthesis.rules import WithRules


def design_of(folder: Path, number: int) -> Design:
    made = generate(1, number)
    path = folder / f"{made.name}.v"
    path.write_text(made.text)
    design, problems = elaborate(FileSet(sources=(path,), top=made.top), search=False)
    assert design is not None, problems
    return design


def test_a_short_reply_is_read_back_and_the_shortest_sequences_come_first(tmp_path: Path) -> None:
    design = design_of(tmp_path, 0)
    wide = next(port for port in design.ports if port.name == "address_in")
    field = RandomField(wide.name, tuple(range(20)), 63, 47)
    long = tuple(Hold(1) if place % 2 else Draw(17 + place, (field,), 123456) for place in range(40))
    sequences = (
        Sequence("reach_slave_line_37", "A sentence.", long),
        Sequence("reach_x", "Another.", (Reset(4), Repeat(1, (Draw(117, (field,), 99), Hold(1))), Hold(2))),
    )
    short = simplified(sequences, design, tells_lines=True)
    assert [one.name for one in short] == ["line_37", "x"] and not any(one.comment for one in short)
    assert [one.name for one in simplified(sequences, design, tells_lines=False)] == ["part1", "part2"]
    assert short[1].steps[0] == Reset(4) and short[1].steps[2] == Hold(3)
    drawn = short[1].steps[1]
    assert isinstance(drawn, Draw) and drawn.seed is None and drawn.cycles >= 117 and len(drawn.fields[0].choices) <= 6
    assert drawn.fields[0].choice_percent == 60 and drawn.fields[0].stay_percent == 50
    frame = Stimulus(design.top, 1, free_clocks(design), ())
    brief = fitted(short, design, frame, most_tokens=80)
    assert 0 < tokens_of(brief.reply) <= 80 and [one.name for one in brief.left] == ["line_37"]
    read, problems = parse_script(brief.reply, design, seed=1)
    assert read is not None and not problems and read.sequences[0].steps == short[1].steps
    assert fitted(short, design, frame, most_tokens=3).reply == ""


def test_a_novice_is_always_understood_and_damage_never_is(tmp_path: Path) -> None:
    for number in range(12):
        design = design_of(tmp_path, number)
        reply = novice_reply(design, Random(number))
        read, problems = parse_script(reply, design, seed=1)
        assert read is not None, (reply, problems)
        assert reply == novice_reply(design, Random(number))
        _, problems = parse_script(damaged(reply, Random(number)), design, seed=1)
        assert has_errors(problems), damaged(reply, Random(number))


def entry(item: str) -> Entry:
    return Entry(item=item, trajectory="t", transitions=2, seconds=1.5)


def test_the_journal_survives_half_a_line_and_two_may_not_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "items.jsonl"
    with Journal(path) as journal:
        journal.add(entry("one"))
        with pytest.raises(BadConfiguration, match="Another process"):
            Journal(path)
    with path.open("ab") as file:
        file.write(b'{"item": "two", "traj')
    with Journal(path) as journal:
        assert set(journal.entries) == {"one"}
        journal.add(entry("three"))
    lines = path.read_text().splitlines()
    assert [json.loads(line)["item"] for line in lines] == ["one", "three"]


def test_rules_are_sent_and_not_stored() -> None:
    heard: list[Request] = []

    class Listening(Recorded):
        def complete(self, request: Request, **more: object):  # type: ignore[no-untyped-def, override]
            heard.append(request)
            return super().complete(request)

    messages = (Message(Role.SYSTEM, "system"), Message(Role.USER, "do it"))
    WithRules(Listening(()), "Think first.").complete(Request(messages=messages, max_tokens=10))
    assert heard[0].messages == (messages[0], Message(Role.USER, "do it\n\nThink first."))


def test_items_are_named_by_what_they_do() -> None:
    speaker = Speaker(backend=BackendSettings(kind=BackendKind.LLAMA), settings=ModelSettings())
    designs = [("a", "top", "module top; endmodule"), ("b", "top2", "module top2; endmodule")]
    made = list(items_for(designs, list(Kind), samples=2, seed=1, lesson=Lesson(), speaker=speaker, rules="Think."))
    assert [one.name for one in made[:6]] == ["a", "a", "a", "b", "b", "b"] and len({one.digest for one in made}) == len(made) == 12
    assert [one.speaker and one.speaker.rules for one in made[:3]] == [None, "", "Think."]
    again = list(items_for(designs, list(Kind), samples=2, seed=1, lesson=Lesson(), speaker=speaker, rules="Think."))
    assert [one.digest for one in again] == [one.digest for one in made]
    other = list(items_for(designs, list(Kind), samples=2, seed=1, lesson=Lesson(reply_tokens=99), speaker=speaker))
    assert not {one.digest for one in other} & {one.digest for one in made}
