"""`trajectories`: what the store holds, as tables, rows for data sets, or gone. Runs no simulator and no model."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from llm4cov_agent.cli.bringing_back import Brought, bring_back
from llm4cov_agent.cli.console import ExitStatus, leave, messages, print_json, print_problems, results
from llm4cov_agent.cli.options import AsJson
from llm4cov_agent.cli.output import problems_of_output, write_output
from llm4cov_agent.config import read_config
from llm4cov_agent.digest import Json
from llm4cov_agent.errors import Problem, StoreDamaged, display_path
from llm4cov_agent.judge import report
from llm4cov_agent.judge.coverage import Kind, Tally, overall, percent_text
from llm4cov_agent.loop.prompt import render_prompt
from llm4cov_agent.loop.transition import Transition
from llm4cov_agent.rtl.source import read_source
from llm4cov_agent.trajectories.forgetting import forget
from llm4cov_agent.trajectories.reading import StoredDesign
from llm4cov_agent.trajectories.records import designs_called, summary_record
from llm4cov_agent.trajectories.store import Store, open_store
from llm4cov_agent.trajectories.trajectory import Answer, Round, Summary, place_of, standing

_MOST_PROBLEMS = 50
_SHORT = 12
"""Characters of a digest that are shown: enough to tell them apart, and to name one."""
_SHORT_NAME = 8
"""The same of a trajectory's name, where there is no room for all of it."""
_WIDE, _USUAL = 140, 100
"""Columns of a terminal from which on more is shown."""
_GAP, _LEAST = 2, 20
"""Columns between two of a table, and those that a command line gets at least."""

_FILE = {
    Brought.RESTORED: "; the file is again what it was before",
    Brought.DELETED: "; the file, which was made for it, is deleted",
    Brought.KEPT: "",
}

app = typer.Typer(name="trajectories", help="What models and people tried, and how it was judged.", no_args_is_help=True)

StorePath = Annotated[
    Path | None,
    typer.Option("--store", help="File of the store; LLM4COV_STORE, or a file in your data folder, by default.", show_default=False),
]
Name = Annotated[str, typer.Argument(help="Trajectory, as `list` names it; its beginning is enough.")]
TestbenchFile = Annotated[Path, typer.Argument(help="File of a testbench that is in the store, as it was written.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", help="Why, in your own words.", show_default=False)]
DesignName = Annotated[str | None, typer.Option("--design", help="Only this design: its top, or its digest.", show_default=False)]


@app.command(name="list")
def list_trajectories(store: StorePath = None, as_json: AsJson = False) -> None:
    """List the trajectories, oldest first."""
    if store is None and not read_config().store.exists():
        found: tuple[Summary, ...] = ()
    else:
        with open_store(store, writable=False) as opened:
            found = opened.trajectories()
    if as_json:
        print_json({"trajectories": [summary_record(one) for one in found]})
        return
    if not found:
        messages().print("nothing is stored yet")
        return
    console = results()
    report.write(console, _list_table(found, console.width if console.is_terminal else None))


@app.command()
def show(
    name: Name,
    number: Annotated[int | None, typer.Option("--round", min=0, help="Show this round with its testbench.", show_default=False)] = None,
    prompt: Annotated[bool, typer.Option("--prompt", help="With --round: render the prompt again, too.")] = False,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Show a trajectory round by round, or one round with all that is in it."""
    with open_store(store, writable=False) as opened:
        summary = _find(opened, name)
        if number is not None:
            _show_round(opened, summary, number, prompt=prompt, as_json=as_json)
            return
    if as_json:
        print_json(summary_record(summary))
        return
    console = results()
    console.print(f"{summary.top}, design {summary.design}\n{summary.command}, {summary.began}\n", highlight=False, soft_wrap=True)
    table = _table(">round", "policy", "asked to", "ended", ">before", ">after", "kept", ">tokens", ">model s", ">judge s")
    for one in summary.rounds:
        table.add_row(
            *(str(one.number), Text(one.policy), one.instruction, one.status or "no testbench"),
            *(_percent(one.before), _percent(one.after), "yes" if one.kept else ""),
            *(_tokens(one), f"{one.policy_s:.1f}", f"{one.judge_s:.1f}"),
        )
    report.write(console, table)
    for answer in summary.acceptances:
        reason = f": {_plain(answer.reason)}" if answer.reason else ""
        rounds = ", ".join(str(one.number) for one in summary.rounds if one.testbench == answer.testbench)
        console.print(f"{answer.at[:16].replace('T', ' ')} {answer.answer.value} (round {rounds}){reason}", highlight=False, soft_wrap=True)


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option("-o", help="File to write, as JSONL; standard output by default.", show_default=False)
    ] = None,
    design: DesignName = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that exists, keeping a copy of it.")] = False,
    store: StorePath = None,
) -> None:
    """Write one JSON line per transition; `datasets.load_dataset("json", data_files=FILE)` reads it."""
    refusals = problems_of_output(output, force=force) if output is not None else ()
    if refusals:
        print_problems(refusals)
        leave(ExitStatus.BAD_INPUT)
    count = 0
    with open_store(store, writable=False) as opened:
        digest = _find_design(opened, design).digest if design is not None else None
        lines: list[str] = []
        for row in opened.rows(design=digest):
            count += 1
            line = json.dumps(row) + "\n"
            if output is None:
                sys.stdout.write(line)
            else:
                lines.append(line)
    if output is not None:
        write_output(output, "".join(lines))
        messages().print(f"wrote {count} transitions to {display_path(output)}", highlight=False, soft_wrap=True)


@app.command()
def delete(
    design: Annotated[str, typer.Argument(help="Design: its top, or the beginning of its digest.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    store: StorePath = None,
    as_json: AsJson = False,
) -> None:
    """Delete a design and everything that came of it, down to the bytes of the file."""
    with open_store(store, writable=False) as opened:
        found = _find_design(opened, design)
    if not yes:
        files = ", ".join(found.files)
        question = f"Delete {found.top} ({files}) with its {found.trajectories} trajectories? They can't be brought back"
        try:
            typer.confirm(question, abort=True, err=True)
        except typer.Abort:
            messages().print("nothing was deleted")
            leave(ExitStatus.BAD_INPUT)
    with open_store(store) as opened:
        forgotten = forget(opened, found.digest)
    erased = forgotten.erased
    if as_json:
        problems: list[Json] = [str(problem) for problem in forgotten.problems]
        counts: dict[str, Json] = {"trajectories": erased.trajectories, "transitions": erased.transitions}
        print_json(
            {
                "design": found.digest,
                "top": found.top,
                **counts,
                "adapters": list(forgotten.adapters),
                "copies": list(forgotten.copies),
                "problems": problems,
            }
        )
    else:
        print_problems(forgotten.told(found.top))
        counted = [f"{erased.trajectories} trajectories", f"{erased.transitions} transitions", *forgotten.copies]
        text = f"deleted {found.top}: {', '.join(counted)}"
        messages().print(text, highlight=False, soft_wrap=True)


@app.command()
def accept(testbench: TestbenchFile, reason: Reason = "", store: StorePath = None, as_json: AsJson = False) -> None:
    """Say that you take a testbench; edited by hand from then on, it teaches if it covers more."""
    _answer(testbench, Answer.ACCEPTED, reason, store, as_json=as_json)


@app.command()
def reject(testbench: TestbenchFile, reason: Reason = "", store: StorePath = None, as_json: AsJson = False) -> None:
    """Say that you don't want a testbench, and why."""
    _answer(testbench, Answer.REJECTED, reason, store, as_json=as_json)


@app.command()
def undo(testbench: TestbenchFile, reason: Reason = "", store: StorePath = None, as_json: AsJson = False) -> None:
    """Take the acceptance of a testbench back. If accepting it changed or made the file, the file is again what it was before."""
    _answer(testbench, Answer.UNDONE, reason, store, as_json=as_json)


@app.command()
def verify(store: StorePath = None, as_json: AsJson = False) -> None:
    """Derive every digest anew and follow every reference; status 1 if anything is not as it was stored."""
    path = (store or read_config().store).absolute()
    try:
        with open_store(path, writable=False) as opened:
            problems = opened.verify()
    except StoreDamaged as damaged:
        message, _, hint = str(damaged).partition("\n")
        problems = (Problem(message, hint=hint.strip() or None),)
    if as_json:
        print_json({"store": str(path), "ok": not problems, "problems": [problem.message for problem in problems]})
    else:
        print_problems(problems[:_MOST_PROBLEMS])
        more = f", {len(problems) - _MOST_PROBLEMS} more than are shown" if len(problems) > _MOST_PROBLEMS else ""
        verdict = f"{len(problems)} problems in {display_path(path)}{more}" if problems else f"{display_path(path)} is whole"
        messages().print(verdict, highlight=False, soft_wrap=True)
    leave(ExitStatus.TARGET_MISSED if problems else ExitStatus.DONE)


def _answer(path: Path, answer: Answer, reason: str, place: Path | None, *, as_json: bool) -> None:
    source, problems = read_source(path)
    if source is None:
        print_problems(problems)
        leave(ExitStatus.BAD_INPUT)
    with open_store(place, writable=False) as store:
        holders = store.holders(source.text)
        replaced = {one.trajectory: store.replaced_by(one) for one in holders}
        here = [one for one in holders if (was := replaced[one.trajectory]) is not None and was.place == place_of(path)]
        holder = next((one for one in (*here, *holders) if one.accepted), holders[0] if holders else None)
        if holder is None:
            what = "is not in the store: it was edited since it was generated, or generated with --no-store or another --store"
            hint = "`llm4cov-lsp trajectories list` names what is there; `show` with `--round` shows its testbenches."
            print_problems((Problem(what, file=display_path(path), hint=hint),))
            leave(ExitStatus.BAD_INPUT)
        if answer is Answer.UNDONE and not holder.accepted:
            what = "does not stand as accepted, so there is nothing to take back"
            print_problems((Problem(what, file=display_path(path), hint=f"It is in trajectory {holder.trajectory}."),))
            leave(ExitStatus.BAD_INPUT)
        file = Brought.KEPT
        if answer is Answer.UNDONE:
            try:
                file = bring_back(path, replaced[holder.trajectory])
            except OSError as error:
                hint = "The testbench still stands as accepted."
                print_problems((Problem(f"can't be brought back: {error.strerror}", file=display_path(path), hint=hint),))
                leave(ExitStatus.BAD_INPUT)
        store.answer(holder.trajectory, holder.testbench, answer, reason=reason)
    if as_json:
        where: dict[str, Json] = {"trajectory": holder.trajectory, "round": holder.round, "design": holder.design, "top": holder.top}
        brought: dict[str, Json] = {"file": file.value} if answer is Answer.UNDONE else {}
        print_json({"answer": answer.value, "testbench": holder.testbench, "reason": reason, **where, **brought})
        return
    done = "took the acceptance back of" if answer is Answer.UNDONE else answer.value
    text = f"{done} {display_path(path)} (round {holder.round} of trajectory {holder.trajectory}, {holder.top}){_FILE[file]}"
    messages().print(text, highlight=False, soft_wrap=True)


def _find(store: Store, name: str) -> Summary:
    found = [one for one in store.trajectories() if one.id.startswith(name)]
    if len(found) != 1:
        what = f"several trajectories begin with {name}" if found else f"there is no trajectory {name}"
        print_problems((Problem(what, hint="`llm4cov-lsp trajectories list` names them."),))
        leave(ExitStatus.BAD_INPUT)
    return found[0]


def _find_design(store: Store, name: str) -> StoredDesign:
    designs = store.designs()
    found = designs_called(name, designs)
    if len(found) != 1:
        known = ", ".join(f"{one.top} ({_short(one.digest)})" for one in found or designs) or "none"
        what = f"several designs are called {name}" if found else f"there is no design {name}"
        print_problems((Problem(what, hint=f"Name one by the beginning of its digest: {known}."),))
        leave(ExitStatus.BAD_INPUT)
    return found[0]


def _show_round(store: Store, summary: Summary, number: int, *, prompt: bool, as_json: bool) -> None:
    if number >= len(summary.rounds):
        hint = f"It has {len(summary.rounds)} rounds, from 0."
        print_problems((Problem(f"trajectory {summary.id} has no round {number}", hint=hint),))
        leave(ExitStatus.BAD_INPUT)
    row = next(one for rank, one in enumerate(store.trajectory_rows(summary.id)) if rank == number)
    # The design is made again only where a prompt has to be rendered.
    rendered = _prompt(store.transitions(summary.id)[number]) if prompt else None
    if as_json:
        print_json({**row, **({"prompt": rendered} if prompt else {})})
        return
    console = results()
    one = summary.rounds[number]
    tokens = f", {_tokens(one)} tokens" if _tokens(one) else ""
    by = f"{one.policy} {one.model}" if one.model else one.policy
    console.print(f"round {number} of {summary.id}: {by}, asked to {one.instruction}{tokens}", highlight=False, soft_wrap=True)
    before, after = one.status_before or "nothing yet", one.status or "no testbench"
    console.print(f"before: {before} {_percent(one.before)}  {row['before_state']}", highlight=False, soft_wrap=True)
    kept = "kept" if one.kept else "thrown away"
    console.print(f"after:  {after} {_percent(one.after)}  {row['after_state']}, {kept}", highlight=False, soft_wrap=True)
    for heading, text in (
        ("prompt", rendered),
        ("reply", row["reply"] if row["reply"] != row["after_testbench"] else None),
        ("problems", "\n".join([*_lines(row["reply_problems"]), *_lines(row["after_problems"])])),
        ("testbench", row["after_testbench"]),
    ):
        if text:
            console.print(f"\n--- {heading}", highlight=False)
            console.print(_plain(str(text)).rstrip("\n"), highlight=False, soft_wrap=True)


def _prompt(transition: Transition) -> str:
    options = transition.proposal.options
    if options is None:
        return "(there was none)"
    rendered = render_prompt(transition.state, transition.instruction, options)
    return "\n\n".join(f"[{message.role.value}]\n{message.content}" for message in rendered)


def _plain(text: str) -> str:
    """Show control characters instead of sending them: a model's words have no business with the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text)


def _lines(value: Json) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else []


def _tokens(one: Round) -> str:
    counts = (one.prompt_tokens, one.completion_tokens)
    return "" if counts == (None, None) else "+".join("?" if count is None else str(count) for count in counts)


def _list_table(found: Iterable[Summary], width: int | None) -> Table:
    """Make the table of trajectories for so many columns; what `show` tells too is left out where there is no room for it."""
    is_wide, is_narrow = width is None or width >= _WIDE, width is not None and width < _USUAL
    rows = []
    for one in found:
        policies = dict.fromkeys(f"{each.policy} {each.model}" if each.model else each.policy for each in one.rounds)
        kept = [each for each in one.rounds if each.kept]
        cells = {
            "trajectory": one.id if is_wide else one.id[:_SHORT_NAME],
            "began": one.began[: 10 if is_narrow else 16].replace("T", " "),
            "top": one.top,
            "design": _short(one.design),
            "policy": ", ".join(policies),
            ">rounds": str(len(one.rounds)),
            ">before": _percent(one.rounds[0].before if one.rounds else {}),
            ">after": _percent(kept[-1].after if kept else {}),
            "accepted": "yes" if standing(one.acceptances) else "",
            "command": one.command,
        }
        left_out = {"design", "command"} if not is_wide else set()
        rows.append({name: cell for name, cell in cells.items() if name not in left_out | ({">before"} if is_narrow else set())})
    table = _table(*rows[0])
    for column in table.columns:
        column.no_wrap = column.header not in ("top", "policy", "command")
    if width is not None and is_wide:
        # The others come first; a command line is cut to what they leave.
        used = sum(max(len(name.removeprefix(">")), *(len(row[name]) for row in rows)) + _GAP for name in rows[0] if name != "command")
        for row in rows:
            row["command"] = _cut(row["command"], max(width - used, _LEAST))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row.values()))
    return table


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, _GAP - 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading.removeprefix(">"), justify="right" if heading.startswith(">") else "left", overflow="fold")
    return table


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHORT]


def _percent(tallies: Mapping[Kind, Tally]) -> str:
    return percent_text(overall(tallies))
