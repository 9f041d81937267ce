"""Reads one statement of the stimulus language: its words become a step that fits the design. Knows no blocks and no lines."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Items

from llm4cov_agent.bench.script_names import Target, Vocabulary, nearest
from llm4cov_agent.bench.script_tokens import Kind, NotANumber, Token, number_of, shortened
from llm4cov_agent.bench.stimulus import Drive, Hold, Pace, Random, RandomField, Reset, Step, Wait

VERBS = ("reset", "drive", "hold", "wait", "random", "repeat", "pace")
MOST_CYCLES = 200_000
"""Cycles that a script may take, waits counted at their limit."""
MOST_EXECUTED = 1_000_000
"""Steps that a run may execute, repeats multiplied out: steps that take no cycle cost time as well."""
_MOST_CHOICES = 1000
_MOST_INDICES = 16


class BadStatement(Exception):
    """Carries what is wrong with a statement up to the reader of the line that holds it, which makes a problem of it."""

    def __init__(self, message: str, token: Token, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.column, self.hint = message, token.column, hint


def _shown(token: Token) -> str:
    return "the end of the line" if token.kind in (Kind.END, Kind.COMMENT) else f"`{shortened(token.text)}`"


class Statement:
    """Reads the tokens of one statement."""

    def __init__(self, tokens: Items[Token], vocabulary: Vocabulary) -> None:
        """Begin at the first token; the last one is of kind END or COMMENT."""
        self.tokens = tokens
        self.place = 0
        self.vocabulary = vocabulary

    def header(self) -> tuple[str, str]:
        """Read `sequence NAME  # comment` as (name, comment with its `#`)."""
        self._take()
        name = self._take()
        if name.kind in (Kind.END, Kind.COMMENT):
            raise BadStatement("the sequence has no name", name, "Write `sequence NAME  # what it does and why`.")
        words, end = [name.text], name.column + len(name.text)
        while not self._is_over() and not self._skip(":"):
            token = self._take()
            if token.column != end:
                raise BadStatement(
                    "a sequence's name is one word", token, "Join the words with underscores; what it is for goes behind a `#`."
                )
            words.append(token.text)
            end += len(token.text)
        return "".join(words), self._token.text if self._token.kind is Kind.COMMENT else ""

    def step(self) -> Step:
        """Read a step that is no repeat, from its verb on."""
        verb = self._take().text.lower()
        match verb:
            case "reset":
                return self._reset()
            case "drive":
                return self._drive()
            case "hold":
                return self._hold()
            case "wait":
                return self._wait()
            case "random":
                return self._random()
            case _:
                return self._pace()

    def repeat(self) -> int:
        """Read `repeat N`: how often."""
        self._take()
        count = self._count("repeat 4", MOST_EXECUTED)
        if self._is_word("times", "x"):
            self._take()
        self._skip(":")
        self._finished("repeat 4")
        return count

    @property
    def _token(self) -> Token:
        return self.tokens[self.place]

    def _take(self) -> Token:
        token = self._token
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def _is_mark(self, *marks: str) -> bool:
        return self._token.kind is Kind.MARK and self._token.text in marks

    def _is_word(self, *words: str) -> bool:
        """Say whether the next token is one of the language's own words; ports may have the same names."""
        return self._token.kind is Kind.NAME and self._token.text.lower() in words

    def _is_over(self) -> bool:
        while self._is_mark(",", "{") and self.tokens[self.place + 1].kind in (Kind.END, Kind.COMMENT):
            self._take()
        return self._token.kind in (Kind.END, Kind.COMMENT)

    def _skip(self, *marks: str) -> bool:
        found = self._is_mark(*marks)
        if found:
            self._take()
        return found

    def _finished(self, what: str) -> None:
        if not self._is_over():
            raise BadStatement(f"`{shortened(self._token.text)}` is one word too many", self._token, f"A line like `{what}` ends here.")

    def _reset(self) -> Reset:
        cycles = self._count("reset 4")
        self._cycles_word()
        ports: list[str] = []
        while not self._is_over():
            if self._skip(","):
                continue
            token = self._take()
            port = self.vocabulary.resets.get(token.text) if token.kind is Kind.NAME else None
            if port is None:
                known = ", ".join(f"`{name}`" for name in self.vocabulary.resets) or "none"
                raise BadStatement(f"{_shown(token)} is no reset of the design", token, f"Its resets: {known}.")
            ports.append(port)
        return Reset(cycles, tuple(ports))

    def _drive(self) -> Drive:
        values: dict[str, int] = {}
        while not self._is_over():
            if self._skip(","):
                continue
            target = self._target(self.vocabulary.inputs, is_input=True)
            if not self._skip("=", "==", "<="):
                raise BadStatement(f"`{target.signal}` gets no value", self._token, f"Write `{target.signal}=VALUE`.")
            value = self._value(target)
            if target.offset is not None:
                kept = values.get(target.signal, 0) & ~(((1 << target.width) - 1) << target.offset)
                value = kept | value << target.offset
            values[target.signal] = value
        return Drive(tuple(values.items()))

    def _hold(self) -> Hold:
        cycles = self._count("hold 3")
        self._cycles_word()
        if self._is_word("on", "of") and self.tokens[self.place + 1].kind is Kind.NAME:
            self._take()
        if self._is_over():
            return Hold(cycles)
        clock = self._clock()
        self._finished(f"hold 3 on {clock}")
        return Hold(cycles, clock)

    def _pace(self) -> Pace:
        clock = self._clock()
        self._skip("=")
        token = self._token
        half_period = self._number(f"pace {clock} {self.vocabulary.pace_step}")
        paces = self.vocabulary.paces
        if half_period not in paces:
            hint = f"Write a multiple of {paces.step}, from {paces[0]} to {paces[-1]}."
            raise BadStatement(f"the half period of `{clock}` can't be {shortened(token.text)}", token, hint)
        self._finished(f"pace {clock} {paces[0]}")
        return Pace(clock, half_period)

    def _clock(self) -> str:
        token = self._take()
        clock = self.vocabulary.running.get(token.text) if token.kind is Kind.NAME else None
        if clock is None:
            known = ", ".join(f"`{name}`" for name in self.vocabulary.running) or "none"
            raise BadStatement(f"{_shown(token)} is no clock that runs freely", token, f"Those that do: {known}.")
        return clock

    def _wait(self) -> Wait:
        if self._is_word("until", "for") and self.tokens[self.place + 1].kind is Kind.NAME:
            self._take()
        first = self._token
        target = self._target(self.vocabulary.observed, is_input=False)
        if not self._is_mark("=", "==", "!="):
            raise BadStatement("the value to wait for is missing", self._token, f"Write `wait {first.text} == VALUE limit 100`.")
        equal = self._take().text != "!="
        value = self._value(target)
        shown = shortened(str(value) if value < 10 else hex(value))
        self._skip(",")
        if self._is_word("limit", "max", "timeout"):
            self._take()
            self._skip("=")
        limit = self._count(f"wait {first.text} == {shown} limit 100", what="a limit on the cycles")
        self._cycles_word()
        self._finished(f"wait {first.text} == {shown} limit 100")
        return Wait(target.signal, value, limit, equal)

    def _random(self) -> Random:
        cycles = self._count("random 50 all")
        self._cycles_word()
        seed = None
        follows = self.tokens[min(self.place + 1, len(self.tokens) - 1)]
        if self._is_word("seed") and follows.kind is Kind.NUMBER:
            self._take()
            seed = self._number("random 50 seed 1", (1 << 32) - 1)
        fields: list[RandomField] = []
        while not self._is_over():
            if self._skip(","):
                continue
            if self._is_word("all") and self._token.text not in self.vocabulary.inputs:
                word = self._take()
                if fields or not self._is_over():
                    raise BadStatement("`all` stands alone", word, "Write `random 50 all`, or list the inputs to draw.")
                fields += [RandomField(signal) for signal in self.vocabulary.drawn_by_all]
            else:
                fields.append(self._field())
        return Random(cycles, tuple(fields), seed)

    def _field(self) -> RandomField:
        first = self._token
        target = self._target(self.vocabulary.inputs, is_input=True)
        if target.offset is not None:
            raise BadStatement(
                "a field can't be drawn on its own", first, f"Draw all of `{target.signal}`, or `{target.signal}={{0, 1}}` of these values."
            )
        choices: list[int] = []
        if self._skip("=") or (self._is_word("in") and self.tokens[self.place + 1].text == "{" and self._take() is not None):
            if not self._skip("{"):
                raise BadStatement("the values to choose from are missing", self._token, f"Write `{target.signal}={{0, 1}}`.")
            while not self._skip("}"):
                if not self._skip(",", "|"):
                    choices.append(self._value(target))
                if len(choices) > _MOST_CHOICES:
                    raise BadStatement(f"there are more than {_MOST_CHOICES} values to choose from", self._token)
        percent = 100 if choices else 0
        if self._is_mark(":"):
            mark = self._take()
            percent = self._percent(f"{target.signal}:25%")
            if not choices and target.width != 1:
                hint = f"Write `{target.signal}={{VALUE, VALUE}}:{percent}%` to choose, or `{target.signal}~{percent}%` to keep its value."
                raise BadStatement(f"`{target.signal}` has {target.width} bits; how often it is 1 can't be said", mark, hint)
            if not choices:
                # Half of the uniform draws are 1 as well.
                choices, percent = [int(percent > 50)] if percent != 50 else [], abs(2 * percent - 100)
        stay = self._percent(f"{target.signal}~30%") if self._skip("~") else 0
        return RandomField(target.signal, tuple(choices), percent, stay)

    def _percent(self, example: str) -> int:
        percent = self._number(example, 100)
        self._skip("%")
        return percent

    def _cycles_word(self) -> None:
        named = (self.vocabulary.inputs, self.vocabulary.resets, self.vocabulary.running)
        if self._is_word("cycles", "cycle") and not any(self._token.text in names for names in named):
            self._take()

    def _count(self, example: str, most: int = MOST_CYCLES, what: str = "a number of cycles") -> int:
        what = "a count" if example.startswith("repeat") else what
        if self._token.kind is not Kind.NUMBER:
            raise BadStatement(f"{what} is missing", self._token, f"Write `{example}`.")
        return self._number(example, most)

    def _number(self, example: str, most: int | None = None) -> int:
        token = self._take()
        value = number_of(token.text) if token.kind is Kind.NUMBER else NotANumber(f"{_shown(token)} is not a number")
        if isinstance(value, NotANumber):
            raise BadStatement(value.reason, token, f"Write a line like `{example}`.")
        if most is not None and value > most:
            raise BadStatement(f"{shortened(token.text)} is more than {most}", token, f"Write a number of 0 to {most}.")
        return value

    def _target(self, known: Mapping[str, Target], *, is_input: bool) -> Target:
        """Read a name with the indices and members behind it, and find what it names."""
        first = self._take()
        if first.kind is not Kind.NAME:
            raise BadStatement(f"{_shown(first)} is not the name of an {'input' if is_input else 'output'}", first)
        name = first.text
        for _ in range(_MOST_INDICES):
            if not self._is_mark("[", "."):
                break
            if self._take().text == ".":
                name += f".{self._take().text}"
                continue
            sign = "-" if self._skip("-") else ""
            name += f"[{sign}{self._number(f'drive {shortened(first.text)}[0]=1', 1 << 31)}]"
            if not self._skip("]"):
                raise BadStatement("a `]` is missing", self._token, "Only single elements of unpacked arrays can be named.")
        target = known.get(name)
        if target is None:
            raise BadStatement(*self._unknown(name, first, known, is_input))
        return target

    def _unknown(self, name: str, first: Token, known: Mapping[str, Target], is_input: bool) -> tuple[str, Token, str]:
        spelled, vocabulary = shortened(name), self.vocabulary
        inside = known.get(first.text)
        if first.text in vocabulary.running:
            return f"`{spelled}` is a clock that runs by itself", first, "Let its cycles pass with `hold`."
        if is_input and name in vocabulary.observed:
            return f"`{spelled}` is an output", first, f"Wait for it: `wait {spelled} == VALUE limit 100`."
        if first.text in vocabulary.arrays:
            return f"`{spelled}` is no element of an array", first, f"Name one element, such as `{vocabulary.arrays[first.text]}`."
        if inside is not None:
            can = "driven" if is_input else "waited for"
            return f"bits or members `{spelled}` can't be {can} here", first, f"Name all {inside.width} bits of `{first.text}`."
        if not is_input and f"{name}.enable" in vocabulary.inputs:
            return f"`{spelled}` can't be observed", first, "Wait for an output."
        near = nearest(name, known)
        what = "input" if is_input else "output that can be observed"
        hint = f"Did you mean `{near}`?" if near else f"There are {', '.join(f'`{one}`' for one in list(known)[:12]) or 'none'}."
        return f"`{spelled}` is no {what} of `{vocabulary.design.top}`", first, hint

    def _value(self, target: Target) -> int:
        """Read a literal or a named value that fits the bits of a target."""
        minus = self._skip("-")
        token = self._take()
        if token.kind is Kind.NAME and target.enum and not minus:
            return self._member(token, target)
        value = number_of(token.text, target.width) if token.kind is Kind.NUMBER else NotANumber(f"{_shown(token)} is not a value")
        most = (1 << target.width) - 1
        bits = "1 bit" if target.width == 1 else f"{target.width} bits"
        hint = f"`{target.signal}` has {bits}: write a number of 0 to {most if target.width <= 8 else hex(most)}."
        if isinstance(value, NotANumber):
            raise BadStatement(value.reason, token, hint if target.width <= 64 else f"`{target.signal}` has {bits}.")
        if value > most or (minus and value > (most + 1) >> 1):
            sign = "-" if minus else ""
            too_wide = f"{sign}{shortened(token.text)} does not fit the {bits} of `{target.signal}`"
            raise BadStatement(too_wide, token, hint if target.width <= 64 else None)
        return -value & most if minus else value

    def _member(self, token: Token, target: Target) -> int:
        name = token.text.rpartition("::")[2]
        values = {member.name: member.value for member in target.enum}
        if name in values:
            return values[name]
        folded = {member.value for member in target.enum if member.name.lower() == name.lower()}
        if len(folded) == 1:
            return folded.pop()
        near = nearest(name, values)
        listed = ", ".join(list(values)[:12])
        hint = f"Did you mean `{near}`?" if near else f"There are {listed}."
        raise BadStatement(f"{_shown(token)} is no value of `{target.signal}`", token, hint)
