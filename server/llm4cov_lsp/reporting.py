"""The command that answers with all that a report of a design shows. Runs no job, and writes no page: that is for the editor."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from pygls import uris

from llm4cov_agent.digest import Json
from llm4cov_lsp.features.report import report_message
from llm4cov_lsp.lane import JobFailed
from llm4cov_lsp.protocol import as_json
from llm4cov_lsp.session import Session
from llm4cov_lsp.wire import Question, QuestionKind


async def report(session: Session, uri: str, top: str) -> dict[str, Json]:
    """Tell what was measured last of a module and what is stored of it; a store that can't be read costs a message and the history."""
    name = uris.to_fs_path(uri)
    if name is None or not uri.startswith("file:"):
        return {"error": f"{uri} is no file."}
    file, key = session.results.design_at(Path(name), top)
    held = session.results.get(key)
    try:
        listed = json.loads(await session.jobs.ask(Question(kind=QuestionKind.LIST, tops=(top,), name=file.name)))
    except JobFailed as error:
        session.say_once(f"The report has no history: {error}")
        listed = {"trajectories": []}
    message = report_message(uri, top, held, listed["trajectories"], version=importlib.metadata.version("llm4cov-lsp"))
    answer = as_json(message)
    assert isinstance(answer, dict)
    return answer
