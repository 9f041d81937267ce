"""The command line: reads options, calls the rooms, prints. Decides nothing about coverage."""

from llm4cov_agent.cli.app import app

__all__ = ["app"]
