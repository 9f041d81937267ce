"""Answers questions about the store of trajectories, and stores what the user says, in the worker process. Knows no job and no LSP.

Each question opens the store for itself, so that it is answered while a job runs, and several servers may share one file.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.trajectories.forgetting import forget
from llm4cov_agent.trajectories.reading import StoredDesign
from llm4cov_agent.trajectories.records import designs_called, summary_record
from llm4cov_agent.trajectories.store import Store, open_store
from llm4cov_agent.trajectories.trajectory import HUMAN, Answer, Replaced, place_of
from llm4cov_lsp.wire import Question, QuestionKind

_BUSY_S = 5.0
"""How long to wait for other writers."""

Told = dict[str, Json]


def answer(question: Question) -> Told:
    """Answer; what can't be done for a reason that the user can mend is under `error`. Raises StoreUnusable."""
    if not read_config().store.exists() and question.kind is not QuestionKind.ANSWER:
        return _of_nothing(question)
    with open_store(writable=False, busy_s=_BUSY_S) as store:
        match question.kind:
            case QuestionKind.ANSWER:
                said = Answer(question.answer)
                replaced = Replaced(place_of(Path(question.place)), question.before) if question.place and said is Answer.ACCEPTED else None
                store.answer(question.name, question.testbench, said, reason=question.text, replaced=replaced)
                return {"stored": True}
            case QuestionKind.FIND:
                return _found(store, question.text, question.place)
            case QuestionKind.LIST:
                return _listed(store, question)
            case QuestionKind.SHOW:
                return _shown(store, question.name)
            case QuestionKind.DESIGN:
                one = _design(store, question.name)
                return {"error": one} if isinstance(one, str) else {"design": one.digest, "top": one.top, "files": list(one.files)}
            case QuestionKind.DELETE:
                return _deleted(store, question.name)


def _of_nothing(question: Question) -> Told:
    """Answer where nothing was stored yet."""
    match question.kind:
        case QuestionKind.LIST:
            return {"trajectories": []}
        case QuestionKind.FIND:
            return {"trajectory": None}
    return {
        "error": f"There is no {'design' if question.kind is QuestionKind.DELETE else 'trajectory'} {question.name}: nothing is stored yet."
    }


def _listed(store: Store, question: Question) -> Told:
    """List trajectories; designs of other projects may have tops of the same name, but hardly in a file of the same name."""
    holding = {one.digest for one in store.designs() if any(PurePath(name).name == question.name for name in one.files)}
    return {
        "trajectories": [
            summary_record(one)
            for one in store.trajectories()
            if (not question.tops or one.top in question.tops) and (not question.name or one.design in holding)
        ]
    }


def _found(store: Store, text: str, place: str) -> Told:
    """Tell of the testbench of a text where it stands as accepted, at this place before others, else the newest that holds it."""
    holders = store.holders(text)
    if not holders:
        return {"trajectory": None}
    there = place_of(Path(place))
    replaced = {holder.trajectory: was for holder in holders if (was := store.replaced_by(holder)) is not None and was.place == there}
    here = [holder for holder in holders if holder.trajectory in replaced]
    one = next((holder for holder in (*here, *holders) if holder.accepted), holders[0])
    found: Told = {
        "trajectory": one.trajectory,
        "testbench": one.testbench,
        "acceptance": one.acceptance,
        "by_hand": any(holder.policy == HUMAN for holder in holders),
        "replaced": one.trajectory in replaced,
    }
    return found | ({"before": replaced[one.trajectory].text} if one.trajectory in replaced else {})


def _shown(store: Store, name: str) -> Told:
    found = [one for one in store.trajectories() if name and one.id.startswith(name)]
    if len(found) != 1:
        return {"error": f"Several trajectories begin with {name}." if found else f"There is no trajectory {name}."}
    record = summary_record(found[0])
    texts: list[Json] = [{"reply": row["reply"], "testbench_text": row["after_testbench"]} for row in store.trajectory_rows(found[0].id)]
    return {**record, "texts": texts}


def _deleted(store: Store, name: str) -> Told:
    design = _design(store, name)
    if isinstance(design, str):
        return {"error": design}
    forgotten = forget(store, design.digest)
    problems: list[Json] = [str(problem) for problem in forgotten.told(design.top)]
    counts: Told = {"trajectories": forgotten.erased.trajectories, "transitions": forgotten.erased.transitions}
    more: Told = {"adapters": list(forgotten.adapters), "copies": list(forgotten.copies)}
    return {"design": design.digest, "top": design.top, **counts, **more, "problems": problems}


def _design(store: Store, name: str) -> StoredDesign | str:
    """Find a design by its top or the beginning of its digest; gives the reason, as a sentence, where it is not one."""
    designs = store.designs()
    found = designs_called(name, designs)
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{one.top} ({one.digest.removeprefix('sha256:')[:12]})" for one in found or designs) or "none"
    what = f"Several designs are called {name}" if found else f"There is no design {name} in the store"
    return f"{what}; name one by the beginning of its digest: {known}."
