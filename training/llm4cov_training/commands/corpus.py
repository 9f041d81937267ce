"""`retrain corpus`: designs to learn on, generated or varied from the user's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_json, print_problems
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration, display_path
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.commands.folders import counted, learning_folder, need_train
from llm4cov_training.work import open_workers

if TYPE_CHECKING:
    from llm4cov_training.corpus.designs import Corpus
    from llm4cov_training.corpus.variants import Variant

_NOT_SIMULATED = "none was simulated, as Icarus Verilog is not installed (apt-get install iverilog)"


def corpus(
    count: Annotated[int, typer.Option("--count", min=1, max=1_000_000, help="Distinct designs.")] = 5000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same designs.")] = 1,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder; `learning/corpus` beside the store by default.", show_default=False)
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core by default.", show_default=False)] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="A Dask scheduler, such as tcp://host:8786.", show_default=False)] = None,
    vary: Annotated[
        int,
        typer.Option("--vary", min=0, max=1000, help="Variants of each Verilog-2005 design in your own store, beside the generated ones."),
    ] = 0,
    store: Annotated[Path | None, typer.Option("--store", help="Store whose designs are varied.", show_default=False)] = None,
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
    varied = _varied(store or read_config().store, made, texts, vary, seed) if vary else ()
    made = replace(made, designs=(*made.designs, *(one.design for one in varied)))
    write_corpus(folder, made, [*texts.items(), *((one.design.name, one.text) for one in varied)])
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
                "simulated": made.simulated,
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
    words = "each ran to the end of a testbench in Icarus Verilog" if made.simulated else _NOT_SIMULATED
    console.print(words, highlight=False, soft_wrap=True)
    for reason, many in made.reasons.items():
        console.print(f"left out {many}: {reason}", highlight=False, soft_wrap=True)


def _varied(store: Path, made: Corpus, texts: dict[str, str], count: int, seed: int) -> tuple[Variant, ...]:
    """Vary each design of a store once, whatever became of it there; says what has no variants and what was dropped."""
    from llm4cov_training.corpus.split import HeldOut, Side, fixture_texts
    from llm4cov_training.corpus.variants import variants

    if not store.exists():
        raise BadConfiguration(f"There is no store at {display_path(store)}: no design can be varied.")
    named = [(one.name, texts[one.name]) for one in made.designs if one.side is Side.HELD_OUT]
    held_out = HeldOut([*fixture_texts(), *named])
    found: list[Variant] = []
    dropped: Counter[str] = Counter()
    seen: set[str] = set()
    with open_store(store, writable=False) as opened:
        for summary in opened.trajectories():
            if summary.design in seen:
                continue
            transitions = opened.transitions(summary.id)
            if transitions:
                seen.add(summary.design)
                some, left, problems = variants(transitions[0].state.design, held_out, count=count, seed=seed)
                found += some
                dropped.update(one.reason.split(" (")[0] for one in left)
                print_problems(problems)
    messages().print(f"{len(found)} variants of {len(seen)} designs", highlight=False)
    for reason, many in dropped.most_common():
        messages().print(f"dropped {many} variants: {reason}", highlight=False, soft_wrap=True)
    return _named_apart(found)


def _named_apart(found: list[Variant]) -> tuple[Variant, ...]:
    """Designs of one name have variants of one name; the later ones get a number."""
    names: Counter[str] = Counter()
    made = []
    for one in found:
        names[one.design.name] += 1
        many = names[one.design.name]
        made.append(replace(one, design=replace(one.design, name=f"{one.design.name}_{many}")) if many > 1 else one)
    return tuple(made)
