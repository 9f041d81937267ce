"""Reads the stimulus language, which language models write: a text becomes a stimulus that fits the design. Knows no model.

Strict about meaning, lenient about form: what can be read in one way only is read, all else is a problem with its line and
column and what to write instead. The text is hostile until proved otherwise: time and memory are bounded, nothing raises.
docs/stimulus-language.md shows the language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from llm4cov_agent.bench.script_names import Vocabulary, nearest
from llm4cov_agent.bench.script_steps import MOST_CYCLES, MOST_EXECUTED, VERBS, BadStatement, Statement
from llm4cov_agent.bench.script_tokens import Kind, Token, shortened, tokens_of
from llm4cov_agent.bench.stimulus import Drive, Random, Repeat, Reset, Sequence, Step, Stimulus, most_cycles, problems_of
from llm4cov_agent.bench.text import Names, as_identifier, is_simple
from llm4cov_agent.errors import Problem, Severity, has_errors
from llm4cov_agent.rtl.design import Design

MOST_CHARACTERS = 2_000_000
MOST_WEIGHT = 100_000
"""Steps, with each signal that they set counted as one more."""
MOST_SEQUENCES = 1000
MOST_NESTING = 32
MOST_PROBLEMS = 20
"""Errors after which reading stops; warnings after which no more are given."""
_MOST_LINE = 200_000
_MOST_NAME = 100
_MOST_COMMENT = 2000
_ENDS = ("end", "endsequence", "endrepeat", "end_sequence", "end_repeat", "}")
_FIRST_WORD = re.compile(r"\s*(?:[-*]\s+)?([A-Za-z_]+|\})", re.ASCII)


def parse_script(text: str, design: Design, *, seed: int, cut_off: bool = False) -> tuple[Stimulus | None, tuple[Problem, ...]]:
    """Read a script for a design; None comes with at least one error, a stimulus with warnings at most and fits the design.

    `seed` becomes the stimulus's own, its low 32 bits. With `cut_off` the writer was stopped in the middle: a last line
    without an end is dropped, and what is open is closed.
    """
    if len(text) > MOST_CHARACTERS:
        return None, (
            Problem(f"the script has {len(text)} characters, {MOST_CHARACTERS} are read at most", hint="Write a shorter script."),
        )
    reader = _Reader(Vocabulary(design))
    reader.read(text.replace("\r\n", "\n").replace("\r", "\n"), cut_off)
    if has_errors(reader.problems):
        return None, tuple(reader.problems)
    stimulus = Stimulus(design.top, seed & 0xFFFF_FFFF, reader.vocabulary.clocks, tuple(reader.sequences))
    reader.check_length(stimulus)
    # What is left is about the design's clocks, which no line of the script is to blame for.
    unfit = () if has_errors(reader.problems) else problems_of(stimulus, design)
    problems = (*reader.problems, *unfit)
    return (None if has_errors(problems) else stimulus), problems


def plain_comment(text: str) -> str:
    """Give the text of a comment as a stimulus can hold it: one line, printable, not endless."""
    return " ".join("".join(char if char.isprintable() else " " for char in text[:_MOST_COMMENT]).split())


@dataclass(slots=True)
class _Block:
    """A sequence or repeat that is still open."""

    line: int
    count: int = 1
    name: str | None = None
    """The sequence's; None for a repeat."""
    comment: str = ""
    steps: list[Step] = dataclass_field(default_factory=list)
    executed: int = 0
    """Steps that a run executes, repeats multiplied out."""


class _Reader:
    """Goes through the lines and keeps the open blocks."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.problems: list[Problem] = []
        self.sequences: list[Sequence] = []
        self.lines: list[int] = []
        """Where each sequence begins."""
        self.blocks: list[_Block] = []
        self.names = Names(())
        self.weight = self.executed = self.errors = self.warnings = 0
        self.is_prose = True
        """Before the first sequence and behind a fence, what is no sequence is nobody's business."""
        self.is_full = False
        """Whether a bound was met behind which nothing is read."""
        self.stray: int | None = None
        """First line outside of sequences that looks like part of one."""

    def read(self, text: str, cut_off: bool) -> None:
        lines = text.split("\n")
        unfinished = lines.pop()
        if not cut_off and unfinished:
            lines.append(unfinished)
        for place, line in enumerate(lines, 1):
            if line and not line.isspace():
                self._line(line, place)
            if self.errors >= MOST_PROBLEMS:
                self._error("there are too many errors, the rest is not read", place)
            if self.is_full or self.errors >= MOST_PROBLEMS:
                return
        if cut_off and (self.blocks or unfinished.strip()):
            self.warnings = 0
            self._warn("the script was cut off: its unfinished last line is left out, and what is open is closed", len(lines) + 1)
            while self.blocks:
                self._close()
        elif self.blocks:
            self._close_sequence(len(lines))
        if not self.sequences and not self.errors:
            hint = "Begin with `sequence NAME`, write one step per line, and close it with `end`."
            self._error("there is no sequence", self.stray or 1, 1, hint)

    def check_length(self, stimulus: Stimulus) -> None:
        """Refuse a run that takes too long, and name the sequence that takes longest."""
        total = most_cycles(stimulus)
        if total > MOST_CYCLES:
            costs = [most_cycles(Stimulus(stimulus.top, 0, stimulus.clocks, (sequence,))) for sequence in stimulus.sequences]
            longest = max(range(len(costs)), key=costs.__getitem__)
            hint = f"Lower counts and limits; `{stimulus.sequences[longest].name}` takes up to {_rounded(costs[longest])}."
            self._error(f"the script takes up to {_rounded(total)} cycles, {MOST_CYCLES} at most are run", self.lines[longest], 1, hint)

    def _error(self, message: str, line: int, column: int = 1, hint: str | None = None) -> None:
        self.errors += 1
        self.problems.append(Problem(message, line=line, column=column, hint=hint))

    def _warn(self, message: str, line: int, column: int = 1) -> None:
        self.warnings += 1
        if self.warnings <= MOST_PROBLEMS:
            self.problems.append(Problem(message, line=line, column=column, severity=Severity.WARNING))

    def _line(self, line: str, place: int) -> None:
        if line.lstrip()[:3] == "```":
            self.is_prose = True
            if self.blocks:
                self._close_sequence(place)
            return
        match = _FIRST_WORD.match(line[:1000])
        verb = match[1].lower() if match else ""
        if not self.blocks:
            if verb == "sequence" and _is_header(line):
                self.is_prose = False
            elif self.is_prose or verb not in (*VERBS, "sequence"):
                self._pass_over(verb, place)
                return
        if len(line) > _MOST_LINE:
            self._error(f"the line has {len(line)} characters, {_MOST_LINE} at most are read", place, 1, "Write several steps.")
            return
        for tokens in _statements(line):
            self._statement(Statement(tokens, self.vocabulary), tokens[0], place)

    def _pass_over(self, verb: str, place: int) -> None:
        """Note a line between sequences, which is left out."""
        if self.is_prose:
            if verb in (*VERBS, "sequence"):
                self.stray = self.stray or place
        elif self.stray is None:
            self.stray = place
            self._warn("this line stands outside of the sequences and is left out", place)

    def _statement(self, statement: Statement, word: Token, place: int) -> None:
        verb = word.text.lower()
        try:
            if verb == "sequence":
                self._open_sequence(statement, word, place)
            elif verb in _ENDS and self.blocks:
                self._close()
            elif verb in VERBS:
                if not self.blocks:
                    raise BadStatement(f"`{verb}` stands outside of a sequence", word, "Move it between `sequence NAME` and its `end`.")
                if verb == "repeat":
                    self._open_repeat(statement.repeat(), word, place)
                else:
                    self._add(statement.step(), 1, word, place)
            elif self.blocks:
                near = nearest(verb, (*VERBS, "sequence", "end"))
                hint = f"Did you mean `{near}`?" if near else "A step is one of " + ", ".join(VERBS) + "; a block ends with `end`."
                raise BadStatement(f"`{shortened(word.text)}` is no verb", word, hint)
        except BadStatement as bad:
            self._error(bad.message, place, bad.column, bad.hint)
            if verb == "repeat" and self.blocks:
                # Its `end` still has to find it, or the lines behind would be blamed.
                self.blocks.append(_Block(place))

    def _open_sequence(self, statement: Statement, word: Token, place: int) -> None:
        if self.blocks:
            self._close_sequence(place)
        if len(self.sequences) == MOST_SEQUENCES:
            self.is_full = True
            raise BadStatement(f"there are more than {MOST_SEQUENCES} sequences", word, "Put more steps into each.")
        name, comment = statement.header()
        name = name[:_MOST_NAME]
        self.blocks.append(_Block(place, 1, name if is_simple(name) else as_identifier(name), plain_comment(comment.lstrip("#/"))))

    def _open_repeat(self, count: int, word: Token, place: int) -> None:
        if len(self.blocks) > MOST_NESTING:
            self.is_full = True
            raise BadStatement(f"repeats are nested more than {MOST_NESTING} deep", word, "Take steps out of the inner ones.")
        self.blocks.append(_Block(place, count))

    def _add(self, step: Step, executed: int, word: Token, place: int) -> None:
        match step:
            case Reset() if not self.vocabulary.resets:
                self._warn("the design has no reset: the cycles pass with the inputs as they are", place, word.column)
            case Drive() if not step.values:
                self._warn("nothing is driven; write `drive NAME=VALUE`", place, word.column)
            case Random() if not step.fields:
                self._warn("nothing is drawn; name the inputs to draw, or write `all`", place, word.column)
            case _:
                pass
        block = self.blocks[-1]
        block.steps.append(step)
        block.executed += executed
        self.weight += 1 + (len(step.values) if isinstance(step, Drive) else len(step.fields) if isinstance(step, Random) else 0)
        if self.weight > MOST_WEIGHT:
            self.is_full = True
            raise BadStatement(f"the script sets more than {MOST_WEIGHT} values", word, "Use `repeat` and `random`.")

    def _close(self) -> None:
        block = self.blocks.pop()
        if block.name is None:
            parent = self.blocks[-1]
            parent.steps.append(Repeat(block.count, tuple(block.steps)))
            parent.executed += block.count * (block.executed + 1)
            return
        before = self.executed
        self.executed += block.executed
        if before <= MOST_EXECUTED < self.executed:
            message = f"the run executes {_rounded(self.executed)} steps up to the end of this sequence, {MOST_EXECUTED} at most"
            self._error(message, block.line, 1, "Lower the counts of its repeats.")
        self.sequences.append(Sequence(self.names.pick(block.name), block.comment, tuple(block.steps)))
        self.lines.append(block.line)

    def _close_sequence(self, place: int) -> None:
        """Close the open sequence, whose `end` is missing; where a repeat ends can't be known."""
        while len(self.blocks) > 1:
            self._error(f"the repeat of line {self.blocks[-1].line} has no `end`", place, 1, "Write `end` behind its last step.")
            self._close()
        self._warn(f"the sequence of line {self.blocks[-1].line} has no `end`", place)
        self._close()


def _is_header(line: str) -> bool:
    """Say whether a line begins a sequence and is no sentence that happens to begin with that word."""
    words = line.split("#", 1)[0].split("//", 1)[0].split(None, 3)
    return len(words) == 2 or (len(words) == 3 and words[2] in (":", "{"))


def _statements(line: str) -> Iterator[list[Token]]:
    """Cut a line at its semicolons; each statement ends in a token of kind END or COMMENT and has one before it."""
    statement: list[Token] = []
    for token in tokens_of(line):
        is_last = token.kind in (Kind.END, Kind.COMMENT)
        if is_last or (token.kind is Kind.MARK and token.text == ";"):
            if statement:
                yield [*statement, token if is_last else Token(Kind.END, "", token.column)]
            statement = []
        elif statement or token.text not in ("-", "*"):
            # A list's bullet in front is passed over.
            statement.append(token)


def _rounded(count: int) -> str:
    """Write a number, which may have thousands of digits, for a message."""
    return str(count) if count < 1_000_000_000 else "more than a billion"
