"""The command `llm4cov-lsp`: the language server at once if it is started as editors do, else the command that is named.

Editors wait for the first answer. The commands, their options and all that they load (elaborator, store, models) cost more time than the
server's own start, so they are read only for other command lines.
"""

from __future__ import annotations

import sys

_BY_EDITORS: tuple[list[str], ...] = ([], ["--stdio"], ["serve"], ["serve", "--stdio"])


def main() -> None:
    """Run a command; the language server if none is named."""
    if sys.argv[1:] in _BY_EDITORS:
        _serve()
        return
    if sys.argv[1] in ("--stdio", "--tcp", "--verbose") or sys.argv[1].startswith("--tcp="):
        sys.argv.insert(1, "serve")
    from llm4cov_lsp.command_line import run

    run()


def _serve() -> None:
    from llm4cov_agent.errors import BadConfiguration
    from llm4cov_lsp.serving import serve_stdio

    try:
        serve_stdio()
    except BadConfiguration as bad:
        # As any command says it, without loading what prints in colour.
        sys.stderr.write(f"error: {bad}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
