"""Verilator behind the `Simulator` protocol; the only package that knows its options, files and messages."""

from llm4cov_agent.judge.verilator.simulator import Verilator
from llm4cov_agent.judge.verilator.toolchain import Toolchain, find_toolchain

__all__ = ["Toolchain", "Verilator", "find_toolchain"]
