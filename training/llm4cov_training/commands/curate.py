"""`retrain curate`: from a store of trajectories to examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.cli.console import messages, print_json
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration, display_path
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.commands.folders import counted, learning_folder, need_train
from llm4cov_training.examples import write_examples


def curate(
    store: Annotated[Path | None, typer.Option("--store", help="Store to read; your own by default.", show_default=False)] = None,
    out: Annotated[
        Path, typer.Option("--out", help="File of examples to write; a manifest and a list of what was left out lie beside it.")
    ] = Path("examples.jsonl"),
    corpus: Annotated[
        Path | None,
        typer.Option("--corpus", help="Corpus whose held-out designs stay out; `learning/corpus` if there is one.", show_default=False),
    ] = None,
    held_out_folder: Annotated[
        list[Path] | None, typer.Option("--held-out", help="Folder of more designs to keep out; may be repeated.", show_default=False)
    ] = None,
    sampling: Annotated[str, typer.Option("--sampling", help="Which states repairs are learned from: worst, random or best.")] = "worst",
    stage: Annotated[int, typer.Option("--stage", min=1, help="Stage that repairs are for; direct generation is for stage 0.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    by_execution: Annotated[
        bool, typer.Option("--by-execution/--all-that-ran", help="Whether only what raised coverage or fixed a failure is kept.")
    ] = True,
    reply_tokens: Annotated[int, typer.Option("--reply-tokens", min=50, help="Tokens of a reply at most.")] = 450,
    as_json: AsJson = False,
) -> None:
    """Choose what to learn from: what execution showed to help, from the worst states, without anything that is held out."""
    need_train()
    from llm4cov_training.corpus.designs import held_out_texts
    from llm4cov_training.corpus.split import HeldOut, fixture_texts, texts_below
    from llm4cov_training.curation.curate import CurationPlan
    from llm4cov_training.curation.curate import curate as run
    from llm4cov_training.curation.sampling import Sampling

    try:
        plan = CurationPlan(sampling=Sampling(sampling), stage=stage, seed=seed, by_execution=by_execution, most_reply_tokens=reply_tokens)
    except ValueError:
        raise BadConfiguration(f"--sampling takes worst, random or best, not {sampling!r}.") from None
    place = store or read_config().store
    if not place.exists():
        raise BadConfiguration(f"There is no store at {display_path(place)}: nothing to learn from.")
    texts = [*fixture_texts()]
    for more in held_out_folder or ():
        if not more.is_dir():
            raise BadConfiguration(f"--held-out {display_path(more)}: there is no such folder.")
        texts += texts_below(more)
    folder = corpus or learning_folder() / "corpus"
    if corpus is not None or (folder / "corpus.json").exists():
        texts += held_out_texts(folder)
    held_out = HeldOut(texts)
    with open_store(place, writable=False) as opened, counted("trajectories", len(opened.trajectories())) as told:
        made = run(opened, held_out, plan, told=told)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_examples(made.examples, out)
    manifest = made.manifest(plan, held_out)
    out.with_suffix(".manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    out.with_suffix(".left.jsonl").write_text(
        "".join(json.dumps({"transition": one.transition, "top": one.top, "reason": one.reason}) + "\n" for one in made.left),
        encoding="utf-8",
    )
    if as_json:
        print_json({"examples_file": str(out), **manifest})
        return
    console = messages()
    console.print(
        f"wrote {len(made.examples)} examples of {manifest['designs']} designs to {display_path(out)}", highlight=False, soft_wrap=True
    )
    left_out = manifest["left_out"]
    for reason, many in (left_out if isinstance(left_out, dict) else {}).items():
        console.print(f"left out {many}: {reason}", highlight=False, soft_wrap=True)
