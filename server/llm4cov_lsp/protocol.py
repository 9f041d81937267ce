"""The messages beside LSP's own that an editor may ask for: coverage as it comes, the modules of files, a report.

An editor that wants coverage passes `initializationOptions = { coverage = true }`. Lines and columns are 1-based and those of
the bytes that were measured. `extension/src/protocol.ts` has the same names and fields; a test holds them together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass

from llm4cov_agent.digest import Json

COVERAGE = "llm4cov/coverage"
"""Notification to the editor: a CoverageMessage."""
MODULES = "llm4cov/modules"
"""Request: ModulesParams to a list of FileModules."""
MOST_HOLES = 100
"""Holes of a file that a report tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchMessage:
    """One way that control can go."""

    line: int
    column: int
    kind: str
    """`branch`, `case` or `fsm`."""
    label: str
    hits: int
    unreachable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationMessage:
    """A module, a block or an instance."""

    kind: str
    name: str
    line: int
    last_line: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyMessage:
    """Points of one kind in one file."""

    kind: str
    covered: int
    total: int
    unreachable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleMessage:
    """A point that was never hit, or several that are told as one."""

    id: str
    kind: str
    line: int
    column: int
    sentence: str
    detail: str
    """Markdown."""
    verdict: str
    """`unknown`, `unreachable`, `bounded` or `covered`: the last is known to be reachable."""
    reason: str
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMessage:
    """What one file got."""

    uri: str
    lines: tuple[tuple[int, int], ...]
    """(line, times executed); 0 or 1 where it is only known whether."""
    branches: tuple[BranchMessage, ...]
    declarations: tuple[DeclarationMessage, ...]
    tallies: tuple[TallyMessage, ...]
    holes: tuple[HoleMessage, ...]
    """Most telling first; empty in an interim message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageMessage:
    """What a design's testbench covers, or has covered so far."""

    uri: str
    """Of the file that declares the top."""
    top: str
    kind: str
    """Of the job: `measure`, `generate`, `go_on` (from the testbench that is there) or `prove`."""
    interim: bool
    """Whether the job goes on. Lines are then executed or not, without a count."""
    asked: bool
    """Whether a person asked for the job."""
    testbench: str | None
    """URI of what was measured; None for a testbench that is not a file yet."""
    status: str
    overall: float | None
    reachable: float | None
    cycles: int | None
    seconds: float
    problems: tuple[str, ...]
    files: tuple[FileMessage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleMessage:
    """A module that can be generated for and measured."""

    name: str
    first_line: int
    last_line: int
    testbenches: tuple[str, ...]
    """URIs; the first is the one that is measured by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileModules:
    """The modules of one file."""

    uri: str
    modules: tuple[ModuleMessage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModulesParams:
    """Which files to look at."""

    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceMessage:
    """What one instance got by itself."""

    path: str
    """Below the top; the top by its own name."""
    module: str
    tallies: tuple[TallyMessage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BitMessage:
    """One bit of a port, with the times that it rose and fell."""

    label: str
    """What stands behind the port's name, such as `[3]`; empty for a port of one bit."""
    rose: int
    fell: int
    never_rises: bool
    """Whether it is proved that no run can make it rise."""
    never_falls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PortMessage:
    """A port of the top, the most significant bit first."""

    name: str
    direction: str
    line: int
    bits: tuple[BitMessage, ...]
    left_out: int
    """Bits that are not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundMessage:
    """A round of a stored trajectory."""

    number: int
    """From 1."""
    policy: str
    model: str | None
    status: str | None
    before: float | None
    after: float | None
    """Overall coverage in percent; None where nothing could be measured."""
    kept: bool
    covered_before: int | None
    covered: int | None
    """Points hit, of all metrics."""
    tallies: tuple[TallyMessage, ...]
    seconds: float
    """Of the policy and the judge together."""
    tokens: int | None
    """Of prompt and reply together; None where no model was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryMessage:
    """How a testbench came about."""

    id: str
    design: str
    command: str
    began: str
    """In UTC, as ISO 8601."""
    answer: str
    """The last that the user said: `accepted`, `rejected`, `undone`, or nothing."""
    rounds: tuple[RoundMessage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFileMessage:
    """What one file got, for a report."""

    uri: str
    tallies: tuple[TallyMessage, ...]
    excluded: int
    """Points that waivers exclude."""
    holes: tuple[HoleMessage, ...]
    """Most telling first, at most `MOST_HOLES`."""
    left_out: int
    """Holes that are not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMessage:
    """The answer to the command `llm4cov.report`: all that a report of a design shows."""

    uri: str
    top: str
    version: str
    """Of the server."""
    testbench: str | None
    """URI of what was measured; None for a testbench that is not a file yet, or where nothing was measured."""
    status: str | None
    """None where nothing was measured since the server began and no earlier result holds."""
    stale: bool
    """Whether files have changed since."""
    overall: float | None
    reachable: float | None
    cycles: int | None
    seconds: float
    files: tuple[ReportFileMessage, ...]
    instances: tuple[InstanceMessage, ...]
    """The top first."""
    ports: tuple[PortMessage, ...]
    trajectories: tuple[TrajectoryMessage, ...]
    """Oldest first, of designs with this top in a file of this name; `design` tells its versions apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterMessage:
    """What a run of learning came to."""

    id: str
    base: str
    """The model that it was trained on."""
    made: str
    """In UTC, as ISO 8601; empty where it is not known."""
    live: bool
    """Whether it is used."""
    examples: int | None
    before: float | None
    after: float | None
    """Coverage in percent on held-out designs, repairs included; None where it was not measured."""
    gain_low: float | None
    gain_high: float | None
    """Between these lies the gain, with 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningMessage:
    """The answer to the command `llm4cov.adapters`."""

    adapters: tuple[AdapterMessage, ...]
    """The newest first."""
    schedule: str
    """When learning begins by itself: `off`, `daily` or `weekly`."""
    running: bool


MESSAGES = (
    BranchMessage,
    DeclarationMessage,
    TallyMessage,
    HoleMessage,
    FileMessage,
    CoverageMessage,
    ModuleMessage,
    FileModules,
    ModulesParams,
    InstanceMessage,
    BitMessage,
    PortMessage,
    RoundMessage,
    TrajectoryMessage,
    ReportFileMessage,
    ReportMessage,
    AdapterMessage,
    LearningMessage,
)


def camel(name: str) -> str:
    """Write a field's name as it goes over the wire."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def as_json(value: object) -> Json:
    """Write a message as what JSON can hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel(one.name): as_json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple):
        return [as_json(one) for one in value]
    assert value is None or isinstance(value, bool | int | float | str)
    return value
