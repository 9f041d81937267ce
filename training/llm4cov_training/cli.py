"""`retrain`: for now it says what is stored to learn from, and that no command learns from it yet. Loads no model."""

from __future__ import annotations

from typing import Annotated

import typer

from llm4cov_agent.cli.console import ExitStatus, leave, messages, print_json
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.config import read_config
from llm4cov_agent.trajectories.store import open_store
from llm4cov_agent.trajectories.trajectory import standing

NOT_BUILT = "`retrain` is not built yet: nothing was trained, and no adapter was written."


def retrain(
    if_due: Annotated[bool, typer.Option("--if-due", help="Do nothing if too little was stored since the last time.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn from what is stored. Not built yet: says what there is to learn from."""
    place = read_config().store
    trajectories = rounds = accepted = designs = 0
    if place.exists():
        with open_store(writable=False) as store:
            found = store.trajectories()
        trajectories, designs = len(found), len({one.design for one in found})
        rounds = sum(len(one.rounds) for one in found)
        accepted = sum(bool(standing(one.acceptances)) for one in found)
    if as_json:
        stored = {"trajectories": trajectories, "rounds": rounds, "designs": designs, "accepted": accepted}
        print_json({"status": "not_built", "message": NOT_BUILT, "store": str(place), "stored": stored})
    else:
        console = messages()
        console.print(NOT_BUILT, highlight=False, soft_wrap=True)
        what = (
            f"{trajectories} trajector{'y' if trajectories == 1 else 'ies'} with {rounds} round{'s' * (rounds != 1)}, "
            f"from {designs} design{'s' * (designs != 1)}, {accepted} accepted"
            if trajectories
            else "nothing"
        )
        console.print(f"Stored to learn from: {what} ({place}).", highlight=False, soft_wrap=True)
    leave(ExitStatus.BAD_INPUT)
