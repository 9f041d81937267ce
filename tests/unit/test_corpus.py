"""Generated designs are the same for the same seed, distinct and drivable; a user's design has variants; what is held out stays out."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("pyverilog")
pytest.importorskip("rapidfuzz")

from llm4cov_agent.errors import WorkFailed
from llm4cov_agent.loop.state import DesignText, read_design_text
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.fileset import FileSet
from llm4cov_training.corpus import grow as grow_module
from llm4cov_training.corpus import icarus
from llm4cov_training.corpus.catalogue import FAMILIES, SYSTEM, generate
from llm4cov_training.corpus.designs import read_corpus, text_in, write_corpus
from llm4cov_training.corpus.grow import Batch, check_batch, grow, what_is_wrong
from llm4cov_training.corpus.similarity import most_like, rouge_l, structure_of, words_of
from llm4cov_training.corpus.split import FIXTURES, HeldOut, Side, side_of, texts_below
from llm4cov_training.corpus.variants import variants
from llm4cov_training.corpus.verilog.read import parse
from llm4cov_training.corpus.verilog.write import text_of
from llm4cov_training.work import open_workers

MANY = 160


def read(folder: Path, text: str, top: str) -> DesignText:
    path = folder / f"{top}.v"
    path.write_text(text)
    design, problems = elaborate(FileSet(sources=(path,), top=top), search=False)
    assert design is not None, problems
    return read_design_text(design)


def test_every_family_elaborates_and_its_clock_and_reset_are_found(tmp_path: Path) -> None:
    families: Counter[str] = Counter()
    resets: Counter[tuple[bool, bool]] = Counter()
    for number in range(MANY):
        made = generate(7, number)
        design = read(tmp_path, made.text, made.top).design
        families[made.family] += 1
        assert len(design.clocks) == ("posedge" in made.text), made.text
        # An input that clears or presets one register counts as a reset beside the design's own.
        assert sum(reset.asynchronous for reset in design.resets) <= 1 and len(design.resets) <= 2
        assert design.driven_signals() and any(port.direction.value == "output" for port in design.ports)
        resets.update((reset.active_low, reset.asynchronous) for reset in design.resets)
    assert set(families) == {*FAMILIES, SYSTEM}
    assert set(resets) == {(low, asynchronous) for low in (True, False) for asynchronous in (True, False)}


def test_a_seed_decides_every_byte() -> None:
    assert [generate(3, number) for number in range(30)] == [generate(3, number) for number in range(30)]
    assert generate(3, 1).text != generate(4, 1).text


def test_structure_is_the_same_whatever_names_and_literals_are() -> None:
    one = "module a(input x, output y); assign y = x ^ 1'b1; // not\nendmodule"
    assert structure_of(one) == structure_of("module top (input  q, output w);\n assign w = q ^ 8'hff; endmodule")
    assert structure_of(one) != structure_of(one.replace("^", "|"))


def test_rouge_is_f1_of_the_longest_common_subsequence() -> None:
    assert rouge_l(words_of("a b c d"), words_of("a c d e")) == pytest.approx(2 * 3 / 8)
    assert rouge_l((), ()) == 0.0 and rouge_l(words_of("a"), words_of("a")) == 1.0
    assert most_like(words_of("x y"), [("other", words_of("p q")), ("same", words_of("X // no\n y"))]).name == "same"  # type: ignore[union-attr]


def test_growth_is_the_same_with_any_number_of_workers_and_holds_no_two_alike(tmp_path: Path) -> None:
    with open_workers(2) as workers:
        corpus, texts = grow(60, 5, workers)
    alone = [one for first in (0, 25, 50, 75) for one in check_batch(Batch(5, first, 25)) if one.reason is None]
    assert [one.name for one in corpus.designs] == [one.made.name for one in {one.structure: one for one in reversed(alone)}.values()][
        ::-1
    ][:60]
    assert len({one.structure for one in corpus.designs}) == len(corpus.designs) == 60
    write_corpus(tmp_path, corpus, texts.items())
    again = read_corpus(tmp_path)
    assert again == corpus
    assert all(text_in(tmp_path, one) == texts[one.name] for one in again.designs)


def test_fixtures_and_what_is_like_them_are_held_out() -> None:
    fixtures = texts_below(FIXTURES)
    assert len(fixtures) > 30
    held_out = HeldOut(fixtures, held_out_percent=0.0)
    for name, text in fixtures:
        assert held_out.reason(text) == f"it is the held-out design {name}"
        assert "held-out design" in (held_out.reason(f"// copied\n{text}\nmodule more(input a, output b); assign b = a; endmodule\n") or "")
    free = [generate(1, number).text for number in range(40)]
    assert sum(held_out.reason(text) is None for text in free) > 30


def test_about_as_many_are_held_out_as_are_meant_to_be() -> None:
    sides = Counter(side_of(f"sha256:{number}", held_out_percent=10.0) for number in range(4000))
    assert 320 < sides[Side.HELD_OUT] < 480
    assert side_of("sha256:1", held_out_percent=0.0) is Side.TRAIN


def test_what_was_written_is_read_back_to_the_same_text() -> None:
    for number in range(25):
        text = generate(2, number).text
        tree, problems = parse(text)
        assert tree is not None, (problems, text)
        assert structure_of(text_of(tree)) == structure_of(text)


USER = """`define LAST 4'd9
module gate_timer #(parameter WIDTH = 4) (input clk, input rst_n, input go, output reg [WIDTH-1:0] count, output reg [1:0] st);
  localparam [1:0] IDLE = 2'd0, RUN = 2'd1, STOP = 2'd2;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) begin st <= IDLE; count <= 0; end
    else case (st)
      IDLE: if (go) st <= RUN;
      RUN: begin count <= count + 1; if (count == `LAST) st <= STOP; end
      STOP: if (!go) st <= IDLE;
      default: st <= IDLE;
    endcase
endmodule
"""


def test_a_users_design_is_varied_and_each_variant_elaborates(tmp_path: Path) -> None:
    design = read(tmp_path, USER, "gate_timer")
    nothing = HeldOut((), held_out_percent=0.0)
    made, dropped, problems = variants(design, nothing, count=12, seed=1)
    assert not problems and len(made) + len(dropped) == 12 and len(made) >= 8
    assert len({one.text for one in made}) == len(made)
    for one in made:
        varied = read(tmp_path, one.text, one.design.top).design
        assert len(varied.clocks) == 1 and len(varied.resets) == 1 and varied.resets[0].active_low
    assert any("gate_timer" not in one.text for one in made)
    assert variants(design, nothing, count=12, seed=1)[0] == made


def test_a_held_out_design_and_one_of_a_later_language_have_no_variants(tmp_path: Path) -> None:
    design = read(tmp_path, USER, "gate_timer")
    made, _, problems = variants(design, HeldOut([("mine", USER)]), count=3, seed=1)
    assert not made and "held-out design mine" in problems[0].message
    modern = read(tmp_path, "module modern(input a, output b); typedef enum {X, Y} t; assign b = ~a; endmodule", "modern")
    made, _, problems = variants(modern, HeldOut((), held_out_percent=0.0), count=3, seed=1)
    assert not made and "not Verilog-2005" in problems[0].message


ENDLESS = """module endless(input go, output reg up);
  initial up = 0;
  always @(go or up) if (go) up <= ~up;
endmodule
"""


def test_what_does_not_simulate_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(icarus, "_DESIGN_S", 1)
    plain = "module plain(input go, output up);\n  assign up = ~go;\nendmodule\n"
    later = "module later(input logic go, output logic up);\n  assign up = go inside {1'b1};\nendmodule\n"
    broken = "module broken(input go, output up);\n  assign up = nothing;\nendmodule\n"
    found = what_is_wrong([(plain, "plain"), (ENDLESS, "endless"), (broken, "broken"), (later, "later"), (plain, "plain")])
    assert found[0] is None and found[4] is None
    assert found[1] == "it does not simulate (it takes longer than 1 s)"
    assert found[2] is not None and found[2].startswith("it does not elaborate (")
    assert found[3] is not None and found[3].startswith("it does not simulate (design.v:2: ")


def test_where_nothing_simulates_it_is_not_for_the_designs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "iverilog").write_text("#!/bin/sh\necho No space left on device\nexit 1\n")
    (tmp_path / "iverilog").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(WorkFailed, match="not one is, the first as it does not simulate \\(No space left on device\\)"):
        check_batch(Batch(1, 0, 12))
    with open_workers(1) as workers, pytest.raises(WorkFailed, match="No space left on device"):
        grow(30, 1, workers)


def test_without_a_simulator_the_corpus_says_that_it_was_not_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(one.simulated for one in check_batch(Batch(1, 0, 2)))
    monkeypatch.setattr(grow_module, "is_installed", lambda: False)
    assert not any(one.simulated for one in check_batch(Batch(1, 0, 2)))
    assert what_is_wrong([(ENDLESS, "endless")]) == (None,)
