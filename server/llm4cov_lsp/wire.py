"""What the server and its worker process say to each other: values, and each as one line of JSON. Knows no LSP and no simulator.

Lines and columns are 1-based here, as the agent has them; columns are the simulator's (see `positions`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

from cattrs.errors import BaseValidationError
from cattrs.preconf.json import make_converter

_CONVERTER = make_converter()

PROJECT_CODE = "ProjectFiles"
"""Code of problems with what tells the project's files: they are about no line of a design, and are said once rather than shown."""

STORE_CODE = "Store"
"""The same for the store of trajectories: why something is not stored."""


class RequestKind(Enum):
    """What the worker can do."""

    OUTLINE = "outline"
    """Elaborate: which files a top makes, and what is wrong with them. Nothing is built or run."""
    MEASURE = "measure"
    GENERATE = "generate"
    PROVE = "prove"
    GO_ON = "go_on"
    """From a testbench that exists: better it, or mend it if it fails; with a point, reach that one."""


class EventKind(Enum):
    """What the worker says while a job runs; the last two end it."""

    PROGRESS = "progress"
    ROUND = "round"
    COVERAGE = "coverage"
    """What was hit so far, in a result without holes."""
    STANDING = "standing"
    """How far it is."""
    RESULT = "result"
    FAILED = "failed"

    @property
    def is_last(self) -> bool:
        """Whether the job is over with it."""
        return self in (EventKind.RESULT, EventKind.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Which model is asked, and how: the fields of `ModelOptions` in plain values, with its defaults."""

    finish: str | None = None
    model: str = ""
    adapter: str | None = None
    endpoint: str = ""
    key_variable: str = "LLM4COV_API_KEY"
    """Name of the variable; the key is in no message."""
    allowed_hosts: tuple[str, ...] = ()
    server_grammar: str = "none"
    reply_format: str = "stimulus"
    rounds: int | None = None
    max_tokens: int = 1024
    prompt_tokens: int = 3000
    context_tokens: int = 8192
    temperature: float = 0.7
    gpu_layers: int = 0
    threads: int | None = None
    thinks: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A job as the worker gets it."""

    kind: RequestKind
    file: str
    """Absolute path of the file that declares the top."""
    top: str
    testbench: str | None = None
    """Absolute path, for `measure` and `prove`."""
    folder: str | None = None
    """The workspace folder, which a filelist command runs in; None outside of all."""
    filelist_command: tuple[str, ...] = ()
    """Prints a filelist; empty for none. It goes before everything else that tells the project's files."""
    filelist_command_s: float = 30.0
    edition: int = 0
    """Of the settings in this run of the server: what a command printed is kept as long as it stays."""
    filelists: tuple[str, ...] = ()
    project_file: str | None = None
    """`verible.filelist` or slang-server's configuration, read where neither a command nor a list is set."""
    include_dirs: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    library_dirs: tuple[str, ...] = ()
    policy: str = "closure"
    model: ModelRequest = ModelRequest()
    consented: str = ""
    """The server on another machine that the user lets the job send to; empty for none."""
    budget_s: float = 60.0
    run_s: float = 120.0
    seed: int = 1
    waivers: tuple[str, ...] = ()
    """Waiver files."""
    point: str | None = None
    """Id of the only point to prove or to reach; None for all holes."""
    tells_coverage: bool = False
    """Whether somebody watches what is hit while a testbench is generated."""
    stores: bool = True
    """Whether transitions go to the store of trajectories."""

    @property
    def sends(self) -> bool:
        """Whether it asks a policy that may be a model."""
        return self.kind is RequestKind.GENERATE or (self.kind is RequestKind.GO_ON and self.point is None)


class QuestionKind(Enum):
    """What the worker can be asked about the store."""

    ANSWER = "answer"
    """Store what the user said to the testbench with the digest `testbench` of the trajectory `name`."""
    FIND = "find"
    """Which trajectory holds a testbench with this `text`."""
    LIST = "list"
    SHOW = "show"
    """The trajectory whose id begins with `name`."""
    DELETE = "delete"
    """The design that is called `name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something about the store that is answered at once, beside whatever job is running."""

    kind: QuestionKind
    name: str = ""
    testbench: str = ""
    answer: str = ""
    """`accepted`, `rejected` or `undone`."""
    text: str = ""
    """Of a testbench, or the user's reason."""
    tops: tuple[str, ...] = ()
    """Only trajectories of these; empty for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One line to the worker: a job to begin, the number of one to cancel, or a question."""

    job: int
    request: Request | None = None
    """None cancels, where there is no question."""
    question: Question | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemRecord:
    """A problem of the agent's, with an absolute path."""

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
    overall: float | None = None
    gained: int = 0
    """Points that it hits and the one before does not."""
    ended: str = ""
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
    attempts: tuple[AttemptRecord, ...] = ()
    """What was tried last for this very design, newest first."""
    rests_on: tuple[FileDigest, ...] = ()
    files: tuple[FileResult, ...] = ()
    problems: tuple[ProblemRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line from the worker."""

    job: int
    kind: EventKind
    words: str = ""
    number: int = 0
    """Of a round, from 1."""
    overall: float | None = None
    kept: bool = False
    rounds: int = 0
    """How many there may be."""
    left_s: float | None = None
    """Seconds of the budget."""
    budget_s: float = 0.0
    result: Result | None = None
    told: str = ""
    """JSON of the answer to a question."""


def written(message: Order | Event) -> bytes:
    """Write a message as one line, without its end."""
    return json.dumps(_CONVERTER.unstructure(message), separators=(",", ":")).encode()


def read_order(line: bytes) -> Order | None:
    """Read a line to the worker; None if it is none."""
    try:
        return _CONVERTER.structure(json.loads(line), Order)
    except (ValueError, KeyError, TypeError, BaseValidationError):
        return None


def read_event(line: bytes) -> Event | None:
    """Read a line from the worker; None if it is none."""
    try:
        return _CONVERTER.structure(json.loads(line), Event)
    except (ValueError, KeyError, TypeError, BaseValidationError):
        return None
