"""Says in words what a point never hit means. Knows no output format and no verdict."""

from __future__ import annotations

import re

from llm4cov_agent.judge.coverage import CoveragePoint, Kind
from llm4cov_agent.judge.fold import FALL, RISE, FoldedToggle, fold_toggles

_BRANCHES = {
    "if": "branch 'if' never taken",
    "else": "branch 'else' never taken",
    "cond_then": "'?:' never chose its first value",
    "cond_else": "'?:' never chose its second value",
}
_LINES = {
    "block": "block never executed",
    "case": "case item never chosen",
    "if": "'if' part never executed",
    "else": "'else' part never executed",
    "elsif": "'if' part before an 'else if' never executed",
}
_ARC = re.compile(r"(?P<source>.*?)->(?P<target>.*?)(?:\[(?P<tag>\w+)\])?")


def missed_words(point: CoveragePoint) -> str:
    """Describe one point as a hole, in a few words without a full stop."""
    match point.kind:
        case Kind.BRANCH:
            return _BRANCHES.get(point.comment, f"branch '{point.comment}' never taken")
        case Kind.LINE:
            return _LINES.get(point.comment, f"'{point.comment}' never executed")
        case Kind.EXPR:
            return f"expr {point.comment} never seen"
        case Kind.TOGGLE:
            return folded_words(fold_toggles([point])[0])
        case Kind.FSM:
            return _machine_words(point.comment)


def folded_words(folded: FoldedToggle) -> str:
    """Describe bits that never toggled."""
    if set(folded.edges) >= {RISE, FALL} or folded.edges == ("",):
        return f"{folded.signal} never toggled"
    return f"{folded.signal} never {' or '.join(folded.edges)}"


def _machine_words(comment: str) -> str:
    variable, separator, event = comment.rpartition("::")
    arc = _ARC.fullmatch(event)
    if not separator:
        return f"fsm {comment} never seen"
    if not arc:
        return f"fsm {variable}: state {event} never entered"
    if arc["tag"] == "reset":
        return f"fsm {variable}: never reset into {arc['target']}"
    tag = f" ({arc['tag']})" if arc["tag"] else ""
    return f"fsm {variable}: never went {arc['source']} -> {arc['target']}{tag}"
