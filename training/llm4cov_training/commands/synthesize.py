"""`retrain synthesize`: roll policies out over a corpus, on all cores or a cluster, into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.cli import model_options as models
from llm4cov_agent.cli.console import ExitStatus, interruptible, leave, messages, print_json
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.errors import BadConfiguration, display_path
from llm4cov_agent.loop.policies.backends import DEFAULT_CONTEXT_TOKENS, BackendKind, BackendSettings
from llm4cov_agent.loop.policies.endpoint import DEFAULT_KEY_VARIABLE, GrammarMode
from llm4cov_agent.loop.policies.model import ModelSettings
from llm4cov_agent.trajectories.store import open_store
from llm4cov_training.commands.folders import counted, learning_folder, need_train
from llm4cov_training.work import open_workers


def synthesize(
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Folder of a corpus; `learning/corpus` by default.", show_default=False)
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option("--store", help="Store to write to; `learning/trajectories.db` by default, not your own.", show_default=False),
    ] = None,
    count: Annotated[int | None, typer.Option("--designs", min=1, help="The first designs of the corpus only.", show_default=False)] = None,
    samples: Annotated[int, typer.Option("--samples", min=1, max=100, help="Times that each is done, with other seeds.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 1,
    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", help="`teacher` (closure), `student` or `model`; may be repeated.", show_default="teacher"),
    ] = None,
    backend: Annotated[BackendKind, typer.Option("--backend", help="What answers for `student` and `model`.")] = BackendKind.LLAMA,
    model: models.Model = "",
    adapter: models.Adapter = None,
    endpoint: models.Endpoint = "",
    key_variable: models.KeyVariable = DEFAULT_KEY_VARIABLE,
    server_grammar: models.ServerGrammar = GrammarMode.NONE,
    max_tokens: models.MaxTokens = 512,
    context_tokens: models.ContextTokens = DEFAULT_CONTEXT_TOKENS,
    temperature: models.Temperature = 0.7,
    gpu_layers: models.GpuLayers = 0,
    rounds: Annotated[int, typer.Option("--rounds", min=0, max=20, help="Repairs after a model's first reply.")] = 3,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="A file of rules that only `model` sees, in place of those built in.", show_default=False)
    ] = None,
    prompt_tokens: Annotated[int, typer.Option("--prompt-tokens", min=200)] = 1400,
    reply_tokens: Annotated[int, typer.Option("--reply-tokens", min=50, help="Tokens of a teacher's reply at most.")] = 400,
    budget_s: Annotated[float, typer.Option("--budget-s", min=1, help="Seconds of one search.")] = 20.0,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core by default.", show_default=False)] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="A Dask scheduler, such as tcp://host:8786.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Roll policies out over the training designs of a corpus. What is finished is not done again, however it was stopped."""
    need_train()
    from llm4cov_training.corpus.designs import read_corpus, text_in
    from llm4cov_training.corpus.split import Side
    from llm4cov_training.synthesis.items import Kind, Speaker, items_for
    from llm4cov_training.synthesis.journal import Journal
    from llm4cov_training.synthesis.lessons import Lesson
    from llm4cov_training.synthesis.rules import DEFAULT_RULES
    from llm4cov_training.synthesis.synthesize import synthesize as run

    try:
        kinds = [Kind(name) for name in policies or ["teacher"]]
    except ValueError as error:
        raise BadConfiguration(f"--policy takes teacher, student or model: {error}.") from None
    folder = corpus or learning_folder() / "corpus"
    listed = [one for one in read_corpus(folder).designs if one.side is Side.TRAIN][:count]
    place = store or learning_folder() / "trajectories.db"
    lesson = Lesson(budget_s=budget_s, reply_tokens=reply_tokens, prompt_tokens=prompt_tokens)
    settings = BackendSettings(
        kind=backend,
        model=model,
        adapter=adapter,
        url=endpoint,
        key_variable=key_variable,
        grammar_mode=server_grammar,
        context_tokens=context_tokens,
        # One thread each, as there is a worker for each core.
        threads=1,
        gpu_layers=gpu_layers,
    )
    speaker = Speaker(backend=settings, settings=ModelSettings(max_tokens=max_tokens, temperature=temperature), rounds=rounds)
    told_rules = rules.read_text("utf-8") if rules is not None else DEFAULT_RULES
    items = items_for(
        [(one.name, one.top, text_in(folder, one)) for one in listed],
        kinds,
        samples=samples,
        seed=seed,
        lesson=lesson,
        speaker=speaker,
        rules=told_rules,
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    with (
        interruptible() as stopped,
        Journal(place.with_name(place.name + ".items.jsonl")) as journal,
        open_store(place) as opened,
        open_workers(workers, cluster=cluster) as pool,
        counted("items", len(listed) * len(kinds) * samples) as told,
    ):
        done = run(items, opened, journal, pool, told=told, cancel=stopped)
    per_minute = 60 * done.transitions / done.seconds if done.seconds else 0.0
    if as_json:
        print_json(
            {
                "store": str(place),
                "items": done.items,
                "finished_before": done.before,
                "finished_now": done.done,
                "failed": done.failed,
                "transitions": done.transitions,
                "seconds": done.seconds,
            }
        )
    else:
        said = f"{done.done} of {done.items} items done now, {done.before} were before; {done.failed} came to nothing"
        messages().print(said, highlight=False, soft_wrap=True)
        messages().print(
            f"{done.transitions} transitions stored in {display_path(place)}, {per_minute:.1f} per minute", highlight=False, soft_wrap=True
        )
    if stopped.is_set():
        messages().print("stopped: the same command goes on from here", highlight=False)
        leave(ExitStatus.INTERRUPTED)
