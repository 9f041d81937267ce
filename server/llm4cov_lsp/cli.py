"""The command `llm4cov-lsp`: the agent's commands, and `serve`, which is what runs without a command."""

from __future__ import annotations

import importlib.metadata
import logging
import socket
import sys
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from llm4cov_agent.cli.app import app
from llm4cov_agent.cli.app import main as run_command
from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration
from llm4cov_lsp import settings as table


@app.command()
def serve(
    stdio: Annotated[bool, typer.Option("--stdio", help="Speak over standard input and output: the default.")] = False,
    tcp: Annotated[str | None, typer.Option("--tcp", metavar="HOST:PORT", help="Listen there for one client.", show_default=False)] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what is sent and received to standard error.")] = False,
) -> None:
    """Run the language server."""
    # What a command line never needs is not loaded for it.
    from llm4cov_lsp.logfile import open_log
    from llm4cov_lsp.rpc import Input
    from llm4cov_lsp.server import make_server

    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if verbose else logging.ERROR)
    open_log(read_config().state_dir)
    if stdio and tcp is not None:
        raise BadConfiguration("--stdio and --tcp exclude each other.")
    if tcp is None:
        make_server().start_io(cast(BinaryIO, Input(sys.stdin.buffer)), sys.stdout.buffer)
        return
    host, colon, port = tcp.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadConfiguration(f"--tcp should be HOST:PORT, such as 127.0.0.1:2087, not {tcp!r}.")
    place = (host.strip("[]") or "127.0.0.1", int(port))
    try:
        listening = socket.create_server(place, family=socket.AF_INET6 if ":" in place[0] else socket.AF_INET)
    except OSError as error:
        raise BadConfiguration(f"--tcp {tcp}: can't listen there: {error.strerror or error}.") from error
    # One client, and the end of it is the end of the server; pygls' own way would let a second one take the first one's answers.
    with listening:
        connection, _ = listening.accept()
    with connection, connection.makefile("rb") as incoming, connection.makefile("wb") as outgoing:
        make_server().start_io(cast(BinaryIO, Input(incoming)), outgoing)


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
        sys.stdout.write(table.documentation())
        return
    for one in table.TABLE:
        sys.stdout.write(f"{table.SECTION}.{one.key} ({one.type_name}): {one.sentence}\n")


def main() -> None:
    """Run a command; the language server if none is named."""
    if len(sys.argv) == 1 or sys.argv[1] in ("--stdio", "--tcp", "--verbose") or sys.argv[1].startswith("--tcp="):
        sys.argv.insert(1, "serve")
    # Rooms that this one may not import bring their own commands, such as `retrain`.
    for entry in importlib.metadata.entry_points(group="llm4cov_lsp.commands"):
        app.add_typer(entry.load(), name=entry.name)
    run_command()


if __name__ == "__main__":
    main()

__all__ = ["main"]
