"""Reads an untrusted testbench as characters and tokens, and refuses what reaches beyond the simulation. Parses nothing.

What slang and Verilator might read differently (pasted names, odd line ends, comments cut short) is refused too, so that
what was looked at is what is built.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from llm4cov_agent.errors import Problem
from llm4cov_agent.rtl.elaborate.untrusted_words import DIRECTIVES, DUMP_SUFFIXES, KEYWORDS, METACOMMENT_WORDS, READS_A_FILE, SYSTEM_NAMES

REFUSED = "Refused"
"""`Problem.code` of what is refused for safety, to tell it from a syntax error."""

MAX_BYTES = 1_000_000
MAX_STATEMENT_TOKENS = 10_000
"""Tokens without a semicolon between. Expressions that are very deep end slang's process."""
MAX_EXPANDED_TOKENS = 400_000
"""Tokens that macros may expand to, estimated from above."""


class TokenKind(Enum):
    """What a piece of text is; spaces and comments are no tokens."""

    STRING = "string"
    ESCAPED = "escaped"
    TICK = "tick"
    SYSTEM = "system"
    NAME = "name"
    NUMBER = "number"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """One token and its offset in the text."""

    kind: TokenKind
    text: str
    at: int

    @property
    def end(self) -> int:
        """Offset behind it."""
        return self.at + len(self.text)


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro that the text defines; `weight` bounds the tokens that it stands for, per token of its arguments."""

    has_parameters: bool
    weight: int
    uses_macros: bool


class Findings:
    """Collects what is refused, with line and column."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self.problems: list[Problem] = []

    def refuse(self, at: int, message: str, hint: str | None = None) -> None:
        """Note a reason to refuse the text at an offset."""
        line = bisect_right(self._starts, at)
        self.problems.append(Problem(message, line=line, column=at - self._starts[line - 1] + 1, hint=hint, code=REFUSED))


_PIECE = re.compile(
    r"(?P<CONTINUED>\\\r?\n)"
    r"|(?P<NEWLINE>\n)"
    r"|(?P<SPACE>[ \t\r\f]+)"
    r"|(?P<LINE>//[^\n]*)"
    r"|(?P<BLOCK>/\*.*?\*/)"
    r'|(?P<STRING>"(?:[^"\\\n]|\\[^\n])*")'
    r"|(?P<ESCAPED>\\\S+)"
    r"|(?P<TICK>`[A-Za-z_][A-Za-z0-9_$]*)"
    r"|(?P<SYSTEM>\$[A-Za-z0-9_$]+)"
    r"|(?P<NAME>[A-Za-z_][A-Za-z0-9_$]*)"
    r"|(?P<NUMBER>[0-9][A-Za-z0-9_]*)"
    r"|(?P<OTHER>.)",
    re.DOTALL,
)
_METAWORD = re.compile("|".join(METACOMMENT_WORDS), re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]|\r(?!\n)")
_PLAIN_ESCAPED = re.compile(r"\\[A-Za-z0-9_.:\[\]]+\Z")
_PLAIN_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_WORD = re.compile(r"[A-Za-z0-9_$`\\]")
_JOINING = frozenset("/*\\$`\"'")


def screen_text(
    text: str, *, folder_files: Collection[str], design_macros: Collection[str], defines: Collection[str]
) -> tuple[Problem, ...]:
    """Refuse by characters, comments, directives and words; everything that is refused is told, in the order of the text."""
    findings = Findings(text)
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        return (Problem(f"the testbench is longer than {MAX_BYTES:,} bytes", hint="Write loops instead of listing values.", code=REFUSED),)
    for match in _CONTROL.finditer(text):
        findings.refuse(match.start(), f"the character {match.group()!r} may not be in a testbench")
        return tuple(findings.problems)
    for match in _METAWORD.finditer(text):
        opening = _comment_before(text, match.start())
        if opening is not None:
            findings.refuse(opening, f"a comment may not begin with '{match.group()}': tools take it for an order", "Word it differently.")
    tokens = _tokens(text, findings)
    if not findings.problems:
        _Reader(text, tokens, findings, frozenset(folder_files), frozenset(design_macros), frozenset(defines)).read()
    findings.problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
    return tuple(findings.problems)


def _comment_before(text: str, at: int) -> int | None:
    """Give the offset of a comment's opening that only spaces, `/` and `*` part from `at`."""
    start = at
    while start and text[start - 1] in " \t\r\n\f/*":
        start -= 1
    opening = re.search(r"/[/*]", text[start:at])
    return start + opening.start() if opening else None


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Tokens in order, and for each the number of the logical line it is in (continued lines are one)."""

    tokens: list[Token]
    lines: list[int]


def _tokens(text: str, findings: Findings) -> _Tokens:
    """Cut a text into tokens; refuses pieces that two readers could cut differently."""
    tokens: list[Token] = []
    lines: list[int] = []
    line = 0
    in_define = False
    for match in _PIECE.finditer(text):
        name, piece, at = match.lastgroup or "", match.group(), match.start()
        match name:
            case "NEWLINE":
                line += 1
                in_define = False
            case "SPACE":
                pass
            case "CONTINUED":
                if not in_define:
                    findings.refuse(at, "a line may be continued with '\\' in a macro definition only")
            case "LINE":
                if piece.rstrip().endswith("\\"):
                    findings.refuse(at, "a comment may not end with '\\'")
            case "BLOCK":
                if in_define and "\n" in piece:
                    findings.refuse(at, "a comment in a macro definition may not go over several lines")
                if _WORD.match(text[at - 1 : at]) and _WORD.match(text[match.end() : match.end() + 1]):
                    findings.refuse(at, "a comment may not stand inside a word", "Put a space beside it.")
                line += 0 if in_define else piece.count("\n")
            case _:
                kind = TokenKind[name]
                in_define = in_define or piece == "`define"
                problem = _broken(kind, piece, text, match.end())
                if problem is not None:
                    findings.refuse(at, problem)
                tokens.append(Token(kind, piece, at))
                lines.append(line)
        if len(findings.problems) > 50:
            break
    return _Tokens(tokens, lines)


def _broken(kind: TokenKind, piece: str, text: str, end: int) -> str | None:
    """Say what is wrong with a token as such."""
    if kind is TokenKind.ESCAPED and not _PLAIN_ESCAPED.match(piece):
        return f"the escaped name '{piece[:40]}' may hold letters, digits and '_' only"
    if kind is not TokenKind.OTHER:
        return None
    if piece == '"':
        return "a string has to end on its line"
    if piece == "`":
        return 'names may not be pasted together and macros may not make strings (`` and `")'
    if piece == "\\":
        return "'\\' may not stand alone"
    if piece == "/" and text[end : end + 1] == "*":
        return "a comment has no end"
    if piece == "$" and _WORD.match(text[end : end + 1]):
        return "'$' may not be joined to what follows"
    if not piece.isascii():
        return f"the character {piece!r} may stand in comments and strings only"
    return None


class _Reader:
    """Goes through the tokens once, keeping the macros defined so far."""

    def __init__(
        self, text: str, found: _Tokens, findings: Findings, files: frozenset[str], design_macros: frozenset[str], defines: frozenset[str]
    ) -> None:
        self._text, self._tokens, self._lines, self._findings = text, found.tokens, found.lines, findings
        self._files, self._design_macros = files, design_macros
        self._macros = {name: Macro(has_parameters=False, weight=1, uses_macros=False) for name in defines}
        self._given = defines
        self._expanded = 0
        self._since_semicolon = 0

    def read(self) -> None:
        """Look at every token; stops once what macros expand to is too much."""
        index = 0
        while index < len(self._tokens):
            token = self._tokens[index]
            if token.kind is TokenKind.TICK:
                index = self._directive(index)
            else:
                self._word(index)
                index += 1
            self._since_semicolon = 0 if token.text == ";" else self._since_semicolon + 1
            if self._since_semicolon > MAX_STATEMENT_TOKENS:
                self._findings.refuse(token.at, f"a statement may not have more than {MAX_STATEMENT_TOKENS:,} tokens", "Use a loop.")
                return
            if self._expanded > MAX_EXPANDED_TOKENS:
                self._findings.refuse(token.at, "the macros expand to too much text", "Use a task or a loop.")
                return

    def _word(self, index: int) -> None:
        token = self._tokens[index]
        if token.kind is TokenKind.SYSTEM:
            self._system(index)
        elif token.kind is TokenKind.NAME and token.text in KEYWORDS:
            self._findings.refuse(token.at, f"'{token.text}' is refused: {KEYWORDS[token.text]}")
        elif token.text in ("import", "export") and self._kind(index + 1) in (TokenKind.STRING, TokenKind.TICK):
            self._findings.refuse(token.at, f"'{token.text}' of foreign code (DPI) is refused")
        elif (
            token.text == "(" and self._text.startswith("(*", token.at) and not re.match(r"\(\*\s*\)", self._text[token.at : token.at + 80])
        ):
            self._findings.refuse(token.at, "attributes '(* ... *)' are refused: tools take them for orders")
        elif token.kind is TokenKind.STRING and self._kind(index + 1) is TokenKind.STRING and self._tokens[index + 1].at == token.end:
            self._findings.refuse(token.at, "two strings may not touch")

    def _system(self, index: int) -> None:
        token = self._tokens[index]
        name = token.text
        if name not in SYSTEM_NAMES:
            hint = "Print with $display." if name.startswith("$f") else None
            self._findings.refuse(token.at, f"'{name}' is refused: it may reach beyond the simulation", hint)
        elif name == "$dumpfile":
            file = self._literal(index)
            if file is None or not _PLAIN_FILE.match(file) or not file.endswith(DUMP_SUFFIXES):
                self._findings.refuse(token.at, "'$dumpfile' needs a plain name such as \"dump.vcd\" in quotes")
        elif name in READS_A_FILE:
            file = self._literal(index)
            if file is None or file not in self._files or file.startswith("/") or ".." in file or "\\" in file:
                listed = ", ".join(sorted(self._files)[:8]) or "none"
                self._findings.refuse(token.at, f"'{name}' needs the name, in quotes, of a file that is there ({listed})")

    def _literal(self, index: int) -> str | None:
        """Give the string that is the whole first argument of the call at `index`."""
        after = self._tokens[index + 1 : index + 4]
        if len(after) == 3 and after[0].text == "(" and after[1].kind is TokenKind.STRING and after[2].text in (",", ")"):
            return after[1].text[1:-1]
        return None

    def _kind(self, index: int) -> TokenKind | None:
        return self._tokens[index].kind if index < len(self._tokens) else None

    def _directive(self, index: int) -> int:
        """Look at a directive or a macro's use; gives the index to go on at."""
        token = self._tokens[index]
        name = token.text[1:]
        before = self._tokens[index - 1] if index else None
        if before is not None and before.end == token.at and before.kind not in (TokenKind.OTHER, TokenKind.STRING):
            self._findings.refuse(token.at, "a macro may not be joined to the word before it", "Put a space between.")
        if name == "define":
            return self._define(index)
        if name == "undef" and self._argument(index) not in self._macros.keys() - self._given:
            self._findings.refuse(token.at, "only a macro that the testbench itself defines may be undefined")
        elif name == "default_nettype" and self._argument(index) not in ("none", "wire"):
            self._findings.refuse(token.at, "'`default_nettype' may be none or wire only: it holds for the design's files too")
        elif name not in DIRECTIVES and name not in self._macros:
            hint = None if name not in ("include", "pragma", "line") else "Write everything into the one file."
            self._findings.refuse(
                token.at, f"'`{name}' is refused: it is no macro that is defined above it, and no harmless directive", hint
            )
        elif name in self._macros:
            return self._use(index, self._macros[name])
        if name in ("undef", "ifdef", "ifndef", "elsif", "default_nettype"):
            return index + 2
        return index + 1

    def _argument(self, index: int) -> str | None:
        return self._tokens[index + 1].text if self._kind(index + 1) is TokenKind.NAME else None

    def _define(self, index: int) -> int:
        """Read a definition; its body is screened like any text, as it becomes one."""
        line = self._lines[index]
        end = index + 1
        while end < len(self._tokens) and self._lines[end] == line:
            end += 1
        at = self._tokens[index].at
        name = self._argument(index) if end > index + 1 else None
        if name is None:
            self._findings.refuse(at, "'`define' needs a plain name")
            return end
        body = index + 2
        parameters: set[str] = set()
        has_parameters = body < end and self._tokens[body].text == "(" and self._tokens[body].at == self._tokens[index + 1].end
        if has_parameters:
            while body < end and self._tokens[body].text != ")":
                parameters.update({self._tokens[body].text} if self._kind(body) is TokenKind.NAME else ())
                if self._tokens[body].text == "=":
                    self._findings.refuse(at, "a macro's parameter may not have a default")
                body += 1
            body += 1
        if name in self._design_macros or name in self._given:
            self._findings.refuse(at, f"the macro '{name}' belongs to the design: defining it would change the design")
        if name in DIRECTIVES or any("$" + word in SYSTEM_NAMES or word in self._macros for word in parameters):
            self._findings.refuse(at, f"the macro '{name}' uses a name that has another meaning")
        weight, uses = 1 + max(0, end - body), False
        cursor = body
        while cursor < end:
            inner = self._tokens[cursor]
            if inner.kind is TokenKind.TICK:
                if inner.text in ("`__FILE__", "`__LINE__"):
                    pass
                elif inner.text[1:] not in self._macros:
                    self._findings.refuse(inner.at, f"'{inner.text}' in a macro: it is no macro that is defined above it")
                else:
                    uses = True
                    weight *= 1 + self._macros[inner.text[1:]].weight
                if cursor > body and self._tokens[cursor - 1].end == inner.at and self._tokens[cursor - 1].kind is not TokenKind.OTHER:
                    self._findings.refuse(inner.at, "a macro may not be joined to the word before it", "Put a space between.")
            else:
                self._word(cursor)
            cursor += 1
        if body < end and (self._tokens[body].text in _JOINING or self._tokens[end - 1].text in _JOINING):
            self._findings.refuse(at, f"the macro '{name}' may not begin or end with a part of another token")
        old = self._macros.get(name)
        if old is not None and (uses or old.uses_macros or old.has_parameters != has_parameters):
            self._findings.refuse(at, f"the macro '{name}' may not be defined again")
        self._macros[name] = Macro(has_parameters, min(max(weight, old.weight if old else 0), 2 * MAX_EXPANDED_TOKENS), uses)
        return end

    def _use(self, index: int, macro: Macro) -> int:
        """Look at a macro's use and its arguments."""
        self._since_semicolon += macro.weight
        if not macro.has_parameters:
            self._expanded += macro.weight
            return index + 1
        start = index + 1
        if start >= len(self._tokens) or self._tokens[start].text != "(":
            self._findings.refuse(self._tokens[index].at, "a macro with parameters needs its arguments")
            return start
        depth, cursor, size = 0, start, 0
        while cursor < len(self._tokens):
            token = self._tokens[cursor]
            self._word(cursor)
            if token.kind is TokenKind.TICK:
                used = self._macros.get(token.text[1:])
                if used is None or used.has_parameters:
                    self._findings.refuse(token.at, "an argument of a macro may use plain macros only")
                else:
                    size += used.weight
                before = self._tokens[cursor - 1]
                if before.end == token.at and before.kind is not TokenKind.OTHER:
                    self._findings.refuse(token.at, "a macro may not be joined to the word before it", "Put a space between.")
            depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
            is_border = depth == 0 or (depth == 1 and token.text == ",") or cursor == start
            if is_border:
                beside = (
                    self._tokens[cursor - 1].text if cursor > start else "",
                    self._tokens[cursor + 1].text if depth and cursor + 1 < len(self._tokens) else "",
                )
                if any(text in _JOINING for text in beside):
                    self._findings.refuse(token.at, "an argument of a macro may not begin or end with a part of another token")
            cursor, size = cursor + 1, size + 1
            if depth == 0:
                break
        self._expanded += macro.weight * size
        self._since_semicolon += macro.weight * size
        end = self._tokens[cursor - 1].end
        if _WORD.match(self._text[end : end + 1]):
            self._findings.refuse(end, "a macro may not be joined to the word behind it", "Put a space between.")
        return cursor
