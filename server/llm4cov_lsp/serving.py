"""Runs the language server over standard input and output, or for one client of a port. Knows no option of the command line."""

from __future__ import annotations

import logging
import socket
import sys
from typing import BinaryIO, cast

from llm4cov_agent.config import read_config
from llm4cov_agent.errors import BadConfiguration
from llm4cov_lsp.logfile import open_log
from llm4cov_lsp.rpc import Input
from llm4cov_lsp.server import make_server


def serve_stdio(*, verbose: bool = False) -> None:
    """Serve who started this process, until they end it."""
    _open_logs(verbose)
    make_server().start_io(cast(BinaryIO, Input(sys.stdin.buffer)), sys.stdout.buffer)


def serve_one_client(address: str, *, verbose: bool = False) -> None:
    """Listen at HOST:PORT for one client, whose end is the end of the server; raises BadConfiguration if that can't be done."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadConfiguration(f"--tcp should be HOST:PORT, such as 127.0.0.1:2087, not {address!r}.")
    _open_logs(verbose)
    place = (host.strip("[]") or "127.0.0.1", int(port))
    try:
        listening = socket.create_server(place, family=socket.AF_INET6 if ":" in place[0] else socket.AF_INET)
    except OSError as error:
        raise BadConfiguration(f"--tcp {address}: can't listen there: {error.strerror or error}.") from error
    # pygls' own way would let a second client take the first one's answers.
    with listening:
        connection, _ = listening.accept()
    with connection, connection.makefile("rb") as incoming, connection.makefile("wb") as outgoing:
        make_server().start_io(cast(BinaryIO, Input(incoming)), outgoing)


def _open_logs(verbose: bool) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if verbose else logging.ERROR)
    open_log(read_config().state_dir)
