"""The command `llm4cov-lsp`: the agent's commands under the server's name."""

from __future__ import annotations

from llm4cov_agent.cli.app import main

__all__ = ["main"]
