"""`retrain adapters`: what was learned, which of it is live, and the way back. Trains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from llm4cov_agent.cli.console import ExitStatus, leave, messages, print_json, print_problems, results
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem
from llm4cov_agent.judge import report
from llm4cov_agent.loop.policies.adapters import Adapter, Adapters

adapters = typer.Typer(name="adapters", help="What was learned, which of it is live, and the way back.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Adapter, as `list` names it; its beginning is enough.", show_default=False)]


@adapters.command(name="list")
def list_adapters(as_json: AsJson = False) -> None:
    """List the adapters, the oldest first."""
    registry = Adapters()
    found = registry.all()
    live = {one.id for base in registry.bases() if (one := registry.live(base)) is not None}
    if as_json:
        print_json({"adapters": [{"id": one.id, "live": one.id in live, **one.manifest} for one in found]})
        return
    if not found:
        messages().print("nothing was learned yet")
        return
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, header_style="bold")
    for heading in ("adapter", "made", "base", "examples", "before", "after", "live"):
        table.add_column(heading, justify="right" if heading in ("examples", "before", "after") else "left", overflow="fold")
    for one in found:
        cells = (one.id, _text(one, "made")[:16].replace("T", " "), one.base, _text(one, "data", "examples"))
        table.add_row(*map(Text, (*cells, _coverage(one, "before"), _coverage(one, "after"), "yes" if one.id in live else "")))
    report.write(results(), table)
    messages().print("before and after: coverage in percent on held-out designs, repairs included", highlight=False)


@adapters.command()
def promote(name: Name, as_json: AsJson = False) -> None:
    """Make an adapter the live one of its base, whatever was measured."""
    registry = Adapters()
    adapter = _find(registry, name)
    registry.promote(adapter)
    _say({"live": adapter.id, "base": adapter.base}, f"{adapter.id} is live for {adapter.base}", as_json=as_json)


@adapters.command(name="roll-back")
def roll_back(
    base: Annotated[str | None, typer.Option("--base", help="Base model, where adapters of several are live.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Take the last promotion back: what was live before is live again."""
    registry = Adapters()
    bases = [one for one in registry.bases() if base is None or one.startswith(base)]
    if len(bases) != 1:
        what = "adapters of several base models are live" if bases else "nothing is live"
        hint = f"Name one with --base: {', '.join(bases)}." if bases else None
        print_problems((Problem(what, hint=hint),))
        leave(ExitStatus.BAD_INPUT)
    undone = registry.roll_back(bases[0])
    assert undone is not None
    was, now = undone
    _say({"was": was, "live": now, "base": bases[0]}, f"{was} is no longer live; {now or 'the base itself'} is", as_json=as_json)


@adapters.command()
def remove(name: Name, as_json: AsJson = False) -> None:
    """Delete an adapter with its files; where it was live, what was before is."""
    registry = Adapters()
    adapter = _find(registry, name)
    registry.remove(adapter)
    _say({"removed": adapter.id}, f"removed {adapter.id}", as_json=as_json)


def _find(registry: Adapters, name: str) -> Adapter:
    found = [one for one in registry.all() if one.id.startswith(name)]
    if len(found) != 1:
        what = f"{len(found)} adapters begin with {name}" if found else f"there is no adapter {name}"
        print_problems((Problem(what, hint="`llm4cov-lsp retrain adapters list` names them."),))
        leave(ExitStatus.BAD_INPUT)
    return found[0]


def _say(record: Mapping[str, Json], text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(record)
    else:
        messages().print(text, highlight=False, soft_wrap=True)


def _text(adapter: Adapter, *names: str) -> str:
    value = _value(adapter, *names)
    return "" if value is None else str(value)


def _coverage(adapter: Adapter, when: str) -> str:
    value = _value(adapter, "measured", when, "average_coverage_repaired", "mean")
    return f"{value:.1f}" if isinstance(value, int | float) else ""


def _value(adapter: Adapter, *names: str) -> Json:
    value: Json = adapter.manifest
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
