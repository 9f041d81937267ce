"""The commands of `llm4cov-lsp` with their options: the agent's, the server's, and those of rooms that this one may not import."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Annotated

import typer

from llm4cov_agent.cli.app import app
from llm4cov_agent.cli.app import main as run_command
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration
from llm4cov_lsp import settings as table
from llm4cov_lsp.settings_page import documentation


@app.command()
def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak over standard input and output: the default.")] = False,
    tcp: Annotated[str | None, typer.Option("--tcp", metavar="HOST:PORT", help="Listen there for one client.", show_default=False)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what is sent and received to standard error.")] = False,
) -> None:
    """Run the language server."""
    # What other commands never need is not loaded for them.
    from llm4cov_lsp.serving import serve_one_client, serve_stdio

    if stdio and tcp is not None:
        raise BadConfiguration("--stdio and --tcp exclude each other.")
    if tcp is None:
        serve_stdio(verbose=verbose)
    else:
        serve_one_client(tcp, verbose=verbose)


@app.command(name="debug-bundle")
def debug_bundle(
    output: Annotated[Path, typer.Argument(metavar="FILE.zip", help="The file to write; one that is there stays.", show_default=False)],
    with_sources: Annotated[
        list[Path] | None,
        typer.Option("--with-sources", metavar="FILE", help="Put this source or testbench in too; may be repeated.", show_default=False),
    ] = None,
) -> None:
    """Write a zip file for a report: versions, what doctor says, settings, the server's log; no sources unless you name them."""
    from llm4cov_agent.cli.doctor import doctor_record
    from llm4cov_lsp.about import settings_told
    from llm4cov_lsp.bundle import write_bundle

    folder = Path.cwd()
    project, problems = table.read_project_file(folder)
    found, trouble = table.read_settings(None, project, trusted=True)
    for path in with_sources or ():
        if not path.is_file():
            raise BadConfiguration(f"--with-sources {path}: there is no such file.")
    try:
        write_bundle(
            output,
            doctor=doctor_record(),
            settings=settings_told({str(folder): found}),
            jobs={"jobs": [], "note": "the log has them", "problems": [*problems, *trouble]},
            state_dir=read_config().state_dir,
            sources=with_sources,
        )
    except FileExistsError as error:
        raise BadConfiguration(f"{output} exists already; name another file.") from error
    except OSError as error:
        raise BadConfiguration(f"{output} can't be written: {error.strerror}") from error
    sys.stdout.write(f"{output}\n")
    inside = "the sources that you named are, too" if with_sources else "no source is"
    sys.stderr.write(f"Read it before you send it: names of files, folders and modules are in it; {inside}.\n")


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/settings.md.")] = False,
) -> None:
    """List the language server's settings."""
    if markdown:
        sys.stdout.write(documentation())
        return
    for one in table.TABLE:
        sys.stdout.write(f"{table.SECTION}.{one.key} ({one.type_name}): {one.sentence}\n")


def run() -> None:
    """Run the command that `sys.argv` names."""
    for entry in importlib.metadata.entry_points(group="llm4cov_lsp.commands"):
        app.add_typer(entry.load(), name=entry.name)
    run_command()
