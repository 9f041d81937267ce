"""All that a policy may know: the design, the current testbench and the last observation. Holds no history and no path of a machine.

A state can be written down and read back elsewhere: files go by short names that are unique within the design, and an
observation keeps the words about a hole beside the hole, so that nothing has to be elaborated to read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.testbench import Testbench
from llm4cov_agent.digest import digest_bytes
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge.coverage import CoveragePoint, Kind, Tally, overall, reachable
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.rtl.design import Design


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file of a design with its text."""

    name: str
    """Path relative to the folder of the design, with `/`; files that lie far from the first go under `elsewhere1/`, ..."""
    role: str
    """`source`, `include`, `library` or `data`."""
    content: bytes

    @property
    def text(self) -> str:
        """The content as read: UTF-8, else Latin-1."""
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return self.content.decode("latin-1")

    @property
    def digest(self) -> str:
        """Digest of the bytes, as in `DesignFile`."""
        return digest_bytes(self.content)


@dataclass(frozen=True, slots=True)
class DesignText:
    """A design with the text of its files, in the design's order."""

    design: Design
    sources: tuple[SourceText, ...]
    include_dirs: tuple[str, ...] = ()
    """Include folders relative to the same folder."""

    def name_of(self, path: str) -> str:
        """Short name of a file of the design; of any other file, its last part."""
        for file, source in zip(self.design.files, self.sources, strict=True):
            if str(file.path) == path:
                return source.name
        return path.rsplit("/", 1)[-1]

    def path_of(self, name: str) -> str:
        """The path behind a short name; the name itself if there is none."""
        return next((str(file.path) for file, source in zip(self.design.files, self.sources, strict=True) if source.name == name), name)


@dataclass(frozen=True, slots=True)
class Missed:
    """A hole as a policy sees it."""

    point: CoveragePoint
    """With the file's short name for its path."""
    verdict: VerdictKind
    conditions: tuple[str, ...] = ()
    """What must hold for it, outermost first; empty where that was not worked out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the judge said about a testbench, or why a reply is none."""

    status: RunStatus | None
    """None: the reply held no testbench."""
    problems: tuple[Problem, ...] = ()
    """Of the build and the run, or of the reply; files go by short names."""
    tallies: Mapping[Kind, Tally]
    holes: tuple[Missed, ...] = ()
    """The most telling first."""
    cycles: int | None = None
    log: str = ""
    """End of what the run printed."""
    refused: tuple[Problem, ...] = ()
    """Why the reply that came after this observation was thrown away, if one was."""

    @property
    def overall(self) -> float | None:
        """Mean over the metrics of 100 * covered / total; None without coverage."""
        return overall(self.tallies)

    @property
    def reachable(self) -> float | None:
        """The same without the points that were proved unreachable."""
        return reachable(self.tallies)

    def without_refusals(self) -> Observation:
        """The same observation as it was before any reply came after it."""
        return replace(self, refused=())


@dataclass(frozen=True, slots=True)
class State:
    """A node of the loop."""

    design: DesignText
    testbench: Testbench | None = None
    stimulus: Stimulus | None = None
    """What the testbench was rendered from; None where a policy wrote the testbench itself."""
    observation: Observation | None = None
    """None before the first reply."""


class Instruction(Enum):
    """What a policy is asked to do, decided by how the last run ended."""

    GENERATE = "generate"
    FIX_REPLY = "fix_reply"
    """The last reply held no testbench."""
    FIX_BUILD = "fix_build"
    FIX_RUN = "fix_run"
    RAISE_COVERAGE = "raise_coverage"


def instruction_for(state: State) -> Instruction:
    """Route a state to its instruction."""
    if state.observation is None:
        return Instruction.GENERATE
    match state.observation.status:
        case None:
            return Instruction.FIX_REPLY
        case RunStatus.BUILD_FAILED:
            return Instruction.FIX_BUILD
        case RunStatus.OK:
            return Instruction.RAISE_COVERAGE
        case _:
            return Instruction.FIX_RUN


def state_key(state: State, *, target_percent: float = 100.0) -> tuple[bool, bool, bool, bool, float]:
    """The one ordering of states, worst to best: has a testbench, simulated, has coverage, meets the target, overall coverage in percent.

    The target is met by what can be reached: a point that was proved unreachable keeps no testbench from it.
    """
    seen = state.observation
    if seen is None or seen.status is None:
        return (False, False, False, False, 0.0)
    has_coverage = seen.status is RunStatus.OK
    meets = has_coverage and (seen.reachable or 0.0) >= target_percent
    return (True, seen.status > RunStatus.RUN_FAILED, has_coverage, meets, seen.overall or 0.0)


_UPPER_FOLDERS = 4
"""The root and the three folders below it, as in `/home/someone/projects`."""


def read_design_text(design: Design) -> DesignText:
    """Read the files of a design as they are now.

    Raises OSError if one can't be read any more.
    """
    places = _short_names((*(file.path for file in design.files), *design.include_dirs))
    sources = tuple(SourceText(places[file.path], file.role, file.path.read_bytes()) for file in design.files)
    return DesignText(design, sources, tuple(places[folder] for folder in design.include_dirs))


def _short_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Name paths relative to the folder that holds them all; what lies far from the first of them, under `elsewhere1/`, `elsewhere2/`, ...

    Far means that only the upper folders of the machine, which tell whose it is, hold both.
    """
    groups: dict[tuple[str, ...], list[Path]] = {}
    for path in dict.fromkeys(paths):
        groups.setdefault(path.parent.parts[:_UPPER_FOLDERS], []).append(path)
    names: dict[Path, str] = {}
    for number, members in enumerate(groups.values()):
        root = common_folder(members)
        prefix = f"elsewhere{number}/" if number else ""
        names |= {path: prefix + _relative(path, root) for path in members}
    return names


def common_folder(paths: Iterable[Path]) -> Path:
    """Find the deepest folder that holds all of them; the folder of the file if there is one only."""
    parents = [(path if path.is_dir() else path.parent) for path in paths]
    if not parents:
        return Path("/")
    root = parents[0]
    while not all(parent.is_relative_to(root) for parent in parents):
        root = root.parent
    return root


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
