"""`retrain corpus`: designs to learn on, generated or varied from the user's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_json
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.errors import display_path
from llm4cov_training.commands.folders import counted, learning_folder, need_train
from llm4cov_training.work import open_workers


def corpus(
    count: Annotated[int, typer.Option("--count", min=1, max=1_000_000, help="Distinct designs.")] = 5000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same designs.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder; `learning/corpus` beside the store by default.", show_default=False)
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core by default.", show_default=False)] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="A Dask scheduler, such as tcp://host:8786.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Generate distinct Verilog designs to roll policies out on."""
    need_train()
    # What needs the extra is loaded when it is there.
    from llm4cov_training.corpus.designs import write_corpus
    from llm4cov_training.corpus.grow import grow
    from llm4cov_training.corpus.split import Side

    folder = out or learning_folder() / "corpus"
    with interruptible() as stopped, open_workers(workers, cluster=cluster) as pool, counted("designs", count) as told:
        made, texts = grow(count, seed, pool, told=told, cancel=stopped)
    if stopped.is_set():
        messages().print("stopped: no corpus was written", highlight=False)
        leave(ExitStatus.INTERRUPTED)
    write_corpus(folder, made, texts.items())
    held_out, near = (sum(one.side is side for one in made.designs) for side in (Side.HELD_OUT, Side.NEAR))
    families = Counter(one.family for one in made.designs)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "digest": made.digest,
                "designs": len(made.designs),
                "held_out": held_out,
                "near_held_out": near,
                "families": dict(sorted(families.items())),
                "dropped": dict(made.reasons),
            }
        )
        return
    console = messages()
    console.print(
        f"wrote {len(made.designs)} designs to {display_path(folder)}, {held_out} of them held out, {near} too like those",
        highlight=False,
        soft_wrap=True,
    )
    console.print(", ".join(f"{name} {many}" for name, many in families.most_common()), highlight=False, soft_wrap=True)
    for reason, many in made.reasons.items():
        console.print(f"left out {many}: {reason}", highlight=False, soft_wrap=True)
