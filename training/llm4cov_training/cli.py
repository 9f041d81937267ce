"""`retrain` and the commands below it. By itself it says what is stored, and that nothing learns from it yet. Loads no model."""

from __future__ import annotations

from typing import Annotated

import typer

from llm4cov_agent.cli.console import ExitStatus, leave, messages, print_json
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.config import read_config
from llm4cov_agent.trajectories.store import open_store
from llm4cov_agent.trajectories.trajectory import standing
from llm4cov_training.commands.adapters import adapters
from llm4cov_training.commands.corpus import corpus
from llm4cov_training.commands.curate import curate
from llm4cov_training.commands.synthesize import synthesize

NOT_BUILT = "`retrain` is not built yet: nothing was trained, and no adapter was written."


retrain = typer.Typer(help="Learn from what is stored; make designs and trajectories to learn from.", invoke_without_command=True)
retrain.command()(corpus)
retrain.command()(synthesize)
retrain.command()(curate)
retrain.add_typer(adapters)


@retrain.callback(invoke_without_command=True)
def stored(
    context: typer.Context,
    if_due: Annotated[bool, typer.Option("--if-due", help="Do nothing if too little was stored since the last time.")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn from what is stored. Not built yet: says what there is to learn from."""
    if context.invoked_subcommand is not None:
        return
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
