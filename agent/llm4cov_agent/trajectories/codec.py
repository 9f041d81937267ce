"""States and what happens between them <-> JSON records with digests. Knows no database and no folder.

A record is JSON in one canonical form, ASCII with sorted keys, and its digest is that of this text. Long texts (files,
testbenches, stimuli, replies, lists of holes) stand in a record by the digest of their bytes. What was *measured* (seconds,
tokens, the place in the rollout, why the rollout ended) is a record beside that of a transition and no part of its digest:
going through the same transition again gives the same digest, however long it takes.

Left out on purpose: where a testbench lies on this machine, how the closure policy came to a proposal, and the judge's run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from llm4cov_agent.bench.stimulus import Stimulus
from llm4cov_agent.bench.stimulus_json import from_json, to_json
from llm4cov_agent.bench.testbench import Language, Testbench
from llm4cov_agent.digest import Json, digest_bytes, digest_text
from llm4cov_agent.errors import Problem, Severity
from llm4cov_agent.judge.coverage import CoveragePoint, Kind, Tally
from llm4cov_agent.judge.holes import VerdictKind
from llm4cov_agent.judge.simulator import RunStatus
from llm4cov_agent.loop.backend import CompletionEnding
from llm4cov_agent.loop.policy import PromptOptions, Proposal, ReplyFormat
from llm4cov_agent.loop.state import DesignText, Instruction, Missed, Observation, State
from llm4cov_agent.loop.transition import StopReason, Transition

Contents = Mapping[str, bytes]
"""Digest -> bytes of the long texts that records name."""

_WORDS: dict[int, str] = {id(word): str(word.value) for word in (*Kind, *VerdictKind)}
"""By identity, which takes a fraction of the time of an enumeration's own hash or value; a list of holes asks thousands of times."""

_PLAIN_BITS = 63
"""Whole numbers of more bits are written as text: databases would round them, and Python reads only 4,300 digits."""
_SORTED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False)
_AS_GIVEN = json.JSONEncoder(separators=(",", ":"), check_circular=False)
_MAYBE_LARGE = re.compile("[0-9]{19}")


@dataclass(frozen=True, slots=True)
class Packed:
    """A value ready to be stored."""

    digest: str
    """Digest of the record, and through the digests in it, of everything that it names."""
    body: str
    """Its record as canonical JSON."""
    contents: dict[str, bytes]
    """The long texts that the record names, by digest."""


def write_json(value: Json) -> str:
    """Write the canonical form: ASCII, sorted keys, no white space, whole numbers of any size."""
    return _dumps(value, sort_keys=True)


def read_json(text: str) -> Any:
    """Read what `write_json` wrote; ValueError if it is no JSON."""
    return json.loads(text, object_hook=_grown) if '"$int"' in text else json.loads(text)


def pack_design(design: DesignText) -> Packed:
    """Pack a design with all of its files. The digest covers the short names too, as prompts and observations use them."""
    contents = {source.digest: source.content for source in design.sources}
    files: list[Json] = [[source.name, source.role, source.digest] for source in design.sources]
    record: dict[str, Json] = {
        "design": design.design.digest,
        "top": design.design.top,
        "files": files,
        "include_dirs": list(design.include_dirs),
        "defines": [list(define) for define in design.design.defines],
        "overrides": [list(override) for override in design.design.overrides],
    }
    return _pack(record, contents)


def pack_observation(observation: Observation) -> Packed:
    """Pack an observation; its holes are a text of their own, as several observations share them."""
    contents: dict[str, bytes] = {}
    words = _WORDS
    holes: list[Json] = [
        (words[id(point.kind)], point.file, point.line, point.column, point.comment, words[id(missed.verdict)], missed.conditions)
        for missed in observation.holes
        for point in (missed.point,)
    ]
    record: dict[str, Json] = {
        "status": observation.status.label if observation.status is not None else None,
        "problems": [_problem_json(problem) for problem in observation.problems],
        "tallies": [[kind.value, tally.covered, tally.total, tally.unreachable] for kind, tally in observation.tallies.items()],
        "holes": _put(contents, _AS_GIVEN.encode(holes)) if holes else None,
        "cycles": observation.cycles,
        "log": observation.log,
        "refused": [_problem_json(problem) for problem in observation.refused],
    }
    return _pack(record, contents)


def unpack_observation(body: str, contents: Contents) -> Observation:
    """Read an observation back."""
    record = read_json(body)
    holes = read_json(_get(contents, record["holes"])) if record["holes"] is not None else []
    return Observation(
        status=RunStatus[record["status"].upper()] if record["status"] is not None else None,
        problems=tuple(_problem(entry) for entry in record["problems"]),
        tallies={Kind(kind): Tally(covered, total, unreachable) for kind, covered, total, unreachable in record["tallies"]},
        holes=tuple(
            Missed(CoveragePoint(Kind(kind), file, line, column, comment), VerdictKind(verdict), tuple(conditions))
            for kind, file, line, column, comment, verdict, conditions in holes
        ),
        cycles=record["cycles"],
        log=record["log"],
        refused=tuple(_problem(entry) for entry in record["refused"]),
    )


def pack_state(state: State, *, design: str, evaluation: str | None) -> Packed:
    """Pack a state, given the digests of its packed design and observation."""
    contents: dict[str, bytes] = {}
    record: dict[str, Json] = {
        "design": design,
        "testbench": _testbench_json(state.testbench, contents),
        "stimulus": _stimulus_text(state.stimulus, contents),
        "evaluation": evaluation,
    }
    return _pack(record, contents)


def unpack_state(body: str, contents: Contents, *, design: DesignText, observation: Observation | None) -> State:
    """Read a state back, given what its record names."""
    record = read_json(body)
    return State(design, _testbench(record["testbench"], contents), unpack_stimulus(record["stimulus"], contents), observation)


def pack_transition(transition: Transition, *, state: Packed, after: Packed) -> Packed:
    """Pack a transition, given its packed states."""
    contents: dict[str, bytes] = {}
    proposal, judged = transition.proposal, transition.after
    options = proposal.options
    # Mostly what was judged is what was proposed: then it is packed already.
    stored = read_json(after.body)
    same_stimulus, same_testbench = proposal.stimulus is judged.stimulus, proposal.testbench is judged.testbench
    record: dict[str, Json] = {
        "state": state.digest,
        "after": after.digest,
        "kept": transition.kept,
        "policy": transition.policy,
        "model": transition.model,
        "seed": transition.seed,
        "instruction": transition.instruction.value,
        "proposal": {
            "testbench": stored["testbench"] if same_testbench else _testbench_json(proposal.testbench, contents),
            "stimulus": stored["stimulus"] if same_stimulus else _stimulus_text(proposal.stimulus, contents),
            "problems": [_problem_json(named(problem, transition.state.design)) for problem in proposal.problems],
            "reply": _put(contents, proposal.reply) if proposal.reply else None,
            "ending": proposal.ending.value if proposal.ending is not None else None,
            "options": {"format": options.format.value, "budget_tokens": options.budget_tokens} if options is not None else None,
            "is_trusted": proposal.is_trusted,
        },
    }
    return _pack(record, contents)


def measured_json(transition: Transition) -> str:
    """Write what was measured of a transition, which is no part of its digest."""
    proposal = transition.proposal
    record: dict[str, Json] = {
        "number": transition.number,
        "ended": transition.ended.name.lower() if transition.ended is not None else None,
        "prompt_tokens": proposal.prompt_tokens,
        "completion_tokens": proposal.completion_tokens,
        "policy_s": proposal.seconds,
        "judge_s": transition.judge_s,
        "loop_s": transition.loop_s,
    }
    return write_json(record)


def unpack_transition(body: str, measured: str, contents: Contents, *, state: State, after: State) -> Transition:
    """Read a transition back, given its states."""
    record, beside = read_json(body), read_json(measured)
    proposal = record["proposal"]
    options = proposal["options"]
    return Transition(
        number=beside["number"],
        policy=record["policy"],
        model=record["model"],
        seed=record["seed"],
        instruction=Instruction(record["instruction"]),
        state=state,
        proposal=Proposal(
            testbench=_testbench(proposal["testbench"], contents),
            stimulus=unpack_stimulus(proposal["stimulus"], contents),
            problems=tuple(_problem(entry) for entry in proposal["problems"]),
            reply=_get(contents, proposal["reply"]) if proposal["reply"] is not None else "",
            # Records of the first version did not say.
            ending=CompletionEnding(proposal["ending"]) if proposal.get("ending") is not None else None,
            options=PromptOptions(format=ReplyFormat(options["format"]), budget_tokens=options["budget_tokens"]) if options else None,
            prompt_tokens=beside["prompt_tokens"],
            completion_tokens=beside["completion_tokens"],
            seconds=beside["policy_s"],
            is_trusted=proposal["is_trusted"],
        ),
        after=after,
        kept=record["kept"],
        judge_s=beside["judge_s"],
        loop_s=beside["loop_s"],
        ended=StopReason[beside["ended"].upper()] if beside["ended"] is not None else None,
    )


def named(problem: Problem, design: DesignText) -> Problem:
    """Give a problem's file the design's short name, unless it goes by one already: no path of this machine is stored."""
    if problem.file is None or any(source.name == problem.file for source in design.sources):
        return problem
    return replace(problem, file=design.name_of(problem.file))


def text_bytes(text: str) -> bytes:
    """Bytes of a text; single surrogates, which file names and replies may hold, come back as they were."""
    return text.encode("utf-8", "surrogatepass")


def bytes_text(content: bytes) -> str:
    """The text that `text_bytes` encoded."""
    return content.decode("utf-8", "surrogatepass")


def _pack(record: Json, contents: dict[str, bytes]) -> Packed:
    body = write_json(record)
    return Packed(digest_text(body), body, contents)


def _put(contents: dict[str, bytes], text: str) -> str:
    content = text_bytes(text)
    digest = digest_bytes(content)
    contents[digest] = content
    return digest


def _get(contents: Contents, digest: str) -> str:
    return bytes_text(contents[digest])


def _testbench_json(testbench: Testbench | None, contents: dict[str, bytes]) -> Json:
    if testbench is None:
        return None
    return {"language": testbench.language.value, "name": testbench.name, "text": _put(contents, testbench.text)}


def _testbench(record: Any, contents: Contents) -> Testbench | None:
    return Testbench(Language(record["language"]), record["name"], _get(contents, record["text"])) if record is not None else None


def _stimulus_text(stimulus: Stimulus | None, contents: dict[str, bytes]) -> Json:
    # Not in canonical form: the order of the inputs in a step is part of the stimulus.
    return _put(contents, _dumps(to_json(stimulus), sort_keys=False)) if stimulus is not None else None


def unpack_stimulus(digest: str | None, contents: Contents) -> Stimulus | None:
    """Read a stimulus back, given the digest of its text."""
    if digest is None:
        return None
    stimulus, problems = from_json(read_json(_get(contents, digest)))
    if stimulus is None:
        raise ValueError(str(problems[0]))
    return stimulus


def _problem_json(problem: Problem) -> Json:
    place: list[Json] = [problem.file, problem.line, problem.column]
    return [problem.severity.value, problem.message, *place, problem.hint, problem.code]


def _problem(entry: Any) -> Problem:
    severity, message, file, line, column, hint, code = entry
    return Problem(message, file=file, line=line, column=column, hint=hint, severity=Severity(severity), code=code)


def _dumps(value: Json, *, sort_keys: bool) -> str:
    encoder = _SORTED if sort_keys else _AS_GIVEN
    try:
        text = encoder.encode(value)
    except ValueError:
        # So Python says that a number has more digits than it writes.
        text = ""
    return text if text and _MAYBE_LARGE.search(text) is None else encoder.encode(_shrunk(value))


def _shrunk(value: Json) -> Json:
    """Write large whole numbers as `{"$int": "0x..."}`; gives the value itself where there are none."""
    if isinstance(value, int):
        return value if value.bit_length() <= _PLAIN_BITS else {"$int": hex(value)}
    if isinstance(value, Mapping):
        return {key: _shrunk(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shrunk(entry) for entry in value]
    return value


def _grown(record: dict[str, Any]) -> Any:
    large = record.get("$int")
    return int(large, 16) if isinstance(large, str) and len(record) == 1 else record
