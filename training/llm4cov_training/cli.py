"""`retrain` and the commands below it: their options. Learns nothing itself, and loads no model."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.cli.options import AsJson
from llm4cov_training.commands.adapters import adapters
from llm4cov_training.commands.corpus import corpus
from llm4cov_training.commands.curate import curate
from llm4cov_training.commands.learn import Options, learn
from llm4cov_training.commands.synthesize import synthesize

retrain = typer.Typer(help="Learn from what is stored; make designs and trajectories to learn from.", invoke_without_command=True)
retrain.command()(corpus)
retrain.command()(synthesize)
retrain.command()(curate)
retrain.add_typer(adapters)


@retrain.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    if_due: Annotated[bool, typer.Option("--if-due", help="Do nothing if little was stored since the last time.")] = False,
    since: Annotated[
        datetime | None, typer.Option("--since", help="Learn only from what was tried from then on (UTC).", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be learned and how long it would take; learn nothing.")
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="TOML file that decides the run; see docs/learning.md.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Base model: a GGUF file; the embedded one by default.", show_default=False)] = "",
    start: Annotated[str | None, typer.Option("--from", help="Adapter of an earlier stage to learn on from.", show_default=False)] = None,
    examples: Annotated[
        list[Path] | None,
        typer.Option("--examples", help="File of `curate` in place of the store; further ones are of earlier stages.", show_default=False),
    ] = None,
    earlier_share: Annotated[
        float, typer.Option("--earlier-share", min=0, max=10, help="Examples of earlier stages for each new one.")
    ] = 0.3,
    corpus_folder: Annotated[
        Path | None,
        typer.Option("--corpus", help="Corpus whose held-out designs judge; `learning/corpus` by default.", show_default=False),
    ] = None,
    designs: Annotated[int, typer.Option("--designs", min=1, help="Held-out designs to judge on.")] = 12,
    samples: Annotated[int, typer.Option("--samples", min=1, help="Rollouts of each.")] = 2,
    rounds: Annotated[int, typer.Option("--rounds", min=0, help="Repairs in each.")] = 1,
    on_battery: Annotated[bool, typer.Option("--on-battery/--mains-only", help="Whether to go on without mains.")] = False,
    max_load: Annotated[float, typer.Option("--max-load", min=0, help="Load per processor above which it waits; 0 never does.")] = 4.0,
    as_json: AsJson = False,
) -> None:
    """Learn from what is stored; the result is live only if it is better on designs that it has not seen."""
    if context.invoked_subcommand is not None:
        return
    learn(
        Options(
            examples=tuple(examples or ()),
            earlier_share=earlier_share,
            start=start,
            seed=1,
            recipe=recipe,
            base=model,
            since=since,
            if_due=if_due,
            dry_run=dry_run,
            corpus=corpus_folder,
            designs=designs,
            samples=samples,
            rounds=rounds,
            on_battery=on_battery,
            max_load=max_load,
            as_json=as_json,
        )
    )
