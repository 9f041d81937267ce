"""What a job comes to, as values that cross from the worker to the server and into kept results. Knows no message and no LSP.

Lines and columns are 1-based here, as the agent has them; columns are the simulator's (see `positions`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRecord:
    """A problem of the agent's, with an absolute path without links."""

    message: str
    severity: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """A file that a result rests on."""

    path: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleRecord:
    """A hole as a person is told about it. Bits of one declaration that miss the same edges are one record."""

    id: str
    """Of its first point."""
    ids: tuple[str, ...]
    comments: tuple[str, ...]
    """The simulator's words for each of the points, in the order of `ids`; file, line and column are theirs too."""
    kind: str
    line: int
    column: int
    sentence: str
    detail: str
    """Markdown."""
    verdict: str
    """`unknown`, `unreachable`, `bounded` or `covered`."""
    reason: str = ""
    bound: int | None = None
    hier: str = ""
    conditions: tuple[tuple[str, int], ...] = ()
    """(text, line in the same file) of what must hold, outermost first."""
    earlier: tuple[str, ...] = ()
    """How near the last search for this design came to what they want; see `Result.searched`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaivedRecord:
    """A point that was never hit and that a waiver excludes."""

    id: str
    kind: str
    line: int
    words: str
    """What was missed."""
    reason: str
    proof: str
    """Empty for somebody's judgement."""
    file: str
    """The waiver file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTally:
    """Points of one kind at one line."""

    line: int
    kind: str
    covered: int
    total: int
    unreachable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchRecord:
    """One way that control can go at a line: a side of an `if`, an item of a `case`, an arc of a state machine."""

    line: int
    column: int
    kind: str
    """`branch`, `case` or `fsm`."""
    label: str
    hits: int
    unreachable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationRecord:
    """A module, a procedural block, a function or an instance, with how often it was executed."""

    kind: str
    """`module`, `block` or `instance`."""
    name: str
    line: int
    last_line: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceGroup:
    """Instances of a module with the same numbers at one line."""

    names: tuple[str, ...]
    """The first few, by their paths below the top; the top by its own name."""
    of: int
    """How many there are in all."""
    count: int | None
    """Times executed; None for a line that can't be."""
    covered: int
    total: int
    """Points that begin on the line."""
    missed: tuple[str, ...] = ()
    """Those that were not hit, in words, bits folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceLine:
    """A line of a module with several instances."""

    line: int
    of: int
    """Instances."""
    groups: tuple[InstanceGroup, ...]
    """Those that saw least first; the last ones are left out where there are many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceEdges:
    """Instances in which a signal misses the same edges."""

    names: tuple[str, ...]
    of: int
    covered: int
    missed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRecord:
    """A declared name with its toggle points."""

    name: str
    line: int
    column: int
    covered: int
    total: int
    missed: tuple[str, ...]
    """What never rose or fell in any instance, in words, bits folded; empty if all was seen."""
    proved: tuple[str, ...] = ()
    """The same where it is proved that no run can."""
    of: int = 1
    """Instances."""
    groups: tuple[InstanceEdges, ...] = ()
    """Those that miss most first; empty for one instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindTally:
    """Points of one kind."""

    kind: str
    covered: int
    total: int
    unreachable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """What one instance got by itself."""

    path: str
    """Below the top; the top by its own name."""
    module: str
    """Empty where it is not known."""
    tallies: tuple[KindTally, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BitRecord:
    """One bit of a port."""

    label: str
    """What stands behind the port's name, such as `[3]`; empty for a port of one bit."""
    rose: int
    fell: int
    never_rises: bool = False
    """Whether it is proved that no run can make it rise."""
    never_falls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRecord:
    """A port of the top with its bits, the most significant one first."""

    name: str
    direction: str
    line: int
    bits: tuple[BitRecord, ...]
    left_out: int = 0
    """Bits that are not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """A round of the loop that was made for a design, or an edit by hand."""

    policy: str
    model: str | None
    number: int
    """Of the round, from 1."""
    before: float | None
    after: float | None
    """Overall coverage; None where nothing could be measured."""
    kept: bool
    """Whether the loop went on from it."""
    answer: str = ""
    """What the user said to it: `accepted`, `rejected`, `undone`, or nothing."""
    began: str = ""
    """When its trajectory began, in UTC, as ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What one file of a design got."""

    path: str
    digest: str
    counts: tuple[tuple[int, int], ...] = ()
    """(line, times executed) of lines that can be."""
    tallies: tuple[LineTally, ...] = ()
    branches: tuple[BranchRecord, ...] = ()
    declarations: tuple[DeclarationRecord, ...] = ()
    holes: tuple[HoleRecord, ...] = ()
    """Most telling first."""
    waived: tuple[WaivedRecord, ...] = ()
    """In source order; none of them is among the holes."""
    apart: tuple[InstanceLine, ...] = ()
    """Lines that several instances have, in order."""
    signals: tuple[SignalRecord, ...] = ()
    """Declared names, in source order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A testbench that goes on from one that exists, or why there is none."""

    text: str | None = None
    """None: nothing is worth having."""
    replaces: bool = True
    """Whether it may take the place of the one that exists; else it belongs beside it."""
    is_ours: bool = False
    """Whether the stimulus of the one that exists is known, so that nobody's own text is lost with it."""
    digest: str | None = None
    """As the store names it."""
    trajectory: str | None = None
    """Where it is stored; None if it is not."""
    overall: float | None = None
    reachable: float | None = None
    cycles: int | None = None
    gained: int = 0
    """Points that it hits and the one before does not."""
    ended: str = ""
    """Why there is nothing better, in words."""
    verdict: str | None = None
    """About the point that was asked for and not reached."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a job ended."""

    top: str
    status: str
    """`ok`, `build_failed`, ...; `elaborated` for an outline."""
    overall: float | None = None
    reachable: float | None = None
    cycles: int | None = None
    seconds: float = 0.0
    testbench: str | None = None
    """Path of the testbench that was measured."""
    testbench_text: str | None = None
    """Text of one that was generated."""
    testbench_digest: str | None = None
    """Its digest, as the store names it."""
    trajectory: str | None = None
    """Where it is stored; None if it is not."""
    stands_accepted: bool = False
    """Whether the testbench that was measured stands as accepted in the store."""
    human_edit: str = ""
    """That the testbench is an edit of an accepted one, covers more, and was stored, in words; empty where it is none."""
    ended: str = ""
    """Why generation ended, in words."""
    proposed: Proposed | None = None
    """What going on from a testbench came to; coverage and files are those of the testbench that was there."""
    design_digest: str = ""
    """Of the design as it was measured; what a proof rests on."""
    searched: str = ""
    """Which search `HoleRecord.earlier` is about: `this` made the testbench that was measured, `other` another one; empty without any."""
    unproved: str = ""
    """Why no proof was tried, as a sentence; empty where one was, or where none was asked for."""
    attempts: tuple[AttemptRecord, ...] = ()
    """What was tried last for this very design, newest first."""
    rests_on: tuple[FileDigest, ...] = ()
    files: tuple[FileResult, ...] = ()
    instances: tuple[InstanceRecord, ...] = ()
    """The top first; empty where the simulator told none apart."""
    ports: tuple[PortRecord, ...] = ()
    """Of the top, in declared order; those without toggle points are left out."""
    problems: tuple[ProblemRecord, ...] = ()
