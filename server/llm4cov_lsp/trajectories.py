"""The commands that list, show and delete what is stored. Opens no store: the worker process does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lsprotocol import types

from llm4cov_agent.digest import Json
from llm4cov_lsp.answers import Answers
from llm4cov_lsp.lane import JobFailed, Priority
from llm4cov_lsp.listing import modules_in
from llm4cov_lsp.results import design_key
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import Question, QuestionKind, RequestKind

Told = dict[str, Json]


class Trajectories:
    """These commands of one connection."""

    def __init__(self, session: Session, answers: Answers) -> None:
        self._session, self._answers = session, answers

    async def listed(self, uri: str | None = None) -> Told:
        """List the trajectories, or those of the modules in a file."""
        tops: tuple[str, ...] = ()
        if uri is not None:
            tops = tuple(module.name for module in modules_in(uri, self._session.documents, self._session.scopes).modules)
            if not tops:
                return {"trajectories": []}
        return await self._ask(Question(kind=QuestionKind.LIST, tops=tops))

    async def shown(self, name: str) -> Told:
        """Show a trajectory with its texts."""
        return await self._ask(Question(kind=QuestionKind.SHOW, name=name))

    async def deleted(self, name: str) -> Told:
        """Delete a design, by its top or the beginning of its digest; its jobs are ended before, as they would store it again."""
        found = await self._ask(Question(kind=QuestionKind.DESIGN, name=name))
        if "error" in found:
            return found
        top, names = str(found["top"]), {Path(str(file)).name for file in _list(found["files"])}
        # A design that is worked on has no digest yet, so that its top and the name of its file have to do.
        jobs = [job for job in self._session.jobs.all if job.request.top == top and Path(job.request.file).name in names]
        await self._session.jobs.end(jobs)
        told = await self._ask(Question(kind=QuestionKind.DELETE, name=str(found["design"])))
        ours = {design_key(Path(job.request.file), top) for job in jobs} | {
            key for key in self._session.proposals.keys() | self._answers.places.keys() if _is_of(key, top, names)
        }
        if "error" not in told:
            self._answers.unstored(ours)
        for job in jobs:
            if job.priority is Priority.BACKGROUND and job.request.kind is RequestKind.MEASURE:
                # Measuring stores nothing of a design that is not there.
                self._session.measure_what_changed(Path(job.request.file))
        return told | {"ended": len(jobs)}

    async def _ask(self, question: Question) -> Told:
        try:
            answer: Any = json.loads(await self._session.jobs.ask(question))
        except JobFailed as error:
            answer = {"error": str(error)}
        if "error" in answer:
            self._session.say(answer["error"], types.MessageType.Warning)
        return dict(answer)


def _is_of(key: str, top: str, names: set[str]) -> bool:
    file, _, name = key.rpartition("::")
    return name == top and Path(file).name in names


def _list(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else []
