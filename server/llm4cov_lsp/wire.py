"""What the server and its worker process say to each other: values, and each as one line of JSON. Knows no LSP and no simulator.

Lines and columns are 1-based here, as the agent has them; columns are the simulator's (see `positions`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

from cattrs.errors import BaseValidationError
from cattrs.preconf.json import make_converter

from llm4cov_lsp.records import Result

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
    parameters: tuple[str, ...] = ()
    """Of the top, `NAME=VALUE` each."""
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
    """Which trajectory holds a testbench with this `text`, and what was in the file at `place` before it was accepted there."""
    LIST = "list"
    """The trajectories of designs with one of the `tops` and, if there is one, a file of that `name`."""
    SHOW = "show"
    """The trajectory whose id begins with `name`."""
    DESIGN = "design"
    """Which design is called `name`."""
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
    place: str = ""
    """Path of the testbench's file; empty where there is none."""
    before: str | None = None
    """What was in that file before an acceptance; None if it was made."""
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
    lacks_tool: bool = False
    """Whether it failed for a tool that is not installed, so that the next one will too."""


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
