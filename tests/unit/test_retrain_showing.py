"""What a person reads while it is learned: lines for programs, a bar for terminals, with the time that is left."""

from __future__ import annotations

import io

from rich.console import Console

from llm4cov_training.commands.showing import shown, span
from llm4cov_training.learn.evaluate import DesignScore, Sample
from llm4cov_training.learn.telling import Step

SCORE = DesignScore("fifo_000001", (Sample(True, 40.0, True, 62.5),))


def lines(*, terminal: bool) -> str:
    text = io.StringIO()
    waits = iter(("the load is 9.0", "the load is 9.0", None))
    with shown(Console(file=text, force_terminal=terminal, width=120), lambda: next(waits)) as teller:
        teller.phase("learning")
        for number in range(1, 5):
            teller.step(Step(number, 4, 2.5, 300.0 - 60 * number))
            if number < 4:
                assert teller.waits() == (number < 3)
        teller.phase("measuring base on 3 designs")
        teller.scored("base", SCORE, 3)
    return text.getvalue()


def test_a_program_gets_lines_and_a_reason_to_wait_once() -> None:
    assert lines(terminal=False).splitlines() == [
        "learning",
        "step 1 of 4, loss 2.500, 4 min left",
        "waiting: the load is 9.0",
        "step 4 of 4, loss 2.500, 60 s left",
        "measuring base on 3 designs",
    ]


def test_a_terminal_gets_a_bar_with_the_time_that_is_left() -> None:
    said = lines(terminal=True)
    assert "60 s left" in said and "\x1b[" in said and "step 1 of 4" not in said
    assert said.count("waiting: the load is 9.0") == 1


def test_times_are_said_as_people_say_them() -> None:
    assert [span(seconds) for seconds in (12, 89, 600, 5399, 9000)] == ["12 s", "89 s", "10 min", "90 min", "2.5 h"]
