"""What a model's generated headers say about its memory: where signals lie, and whether it is plain memory at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from llm4cov_agent.judge.verilator import commands

_MEMBER = re.compile(r"\b(?:CData|SData|IData|QData)/\*(\d+):0\*/ (\w+);")
_INSTANCE = re.compile(rf"^\s+({commands.PREFIX}_\w+)\s+(TOP(?:__\w+)?);", re.MULTILINE)
_NOT_PLAIN = re.compile(
    r"\b(VlQueue|VlAssocArray|VlClassRef|std::string|VlDelayScheduler|VlTriggerScheduler|VlDynamicTriggerScheduler|VlForkSync"
    r"|VlProcessRef|VlRandomizer|VlMailbox|VlSemaphore|VlNBACommitQueue|VlStdRandomizer|std::vector|std::unique_ptr)\b"
)
_OWN = re.compile(r"____?V|__PVT__|__V[a-z]")


@dataclass(frozen=True, slots=True)
class Member:
    """A signal of the model: how C++ names it, starting from `symbols`, and its bits (at most 64)."""

    expression: str
    width: int


def find_members(generated: Path) -> dict[str, Member]:
    """List signals by hierarchical name below the top, with those left out that Verilator made for itself or optimised away."""
    symbols = (generated / f"{commands.PREFIX}__Syms.h").read_text()
    found: dict[str, Member] = {}
    for kind, instance in _INSTANCE.findall(symbols):
        header = generated / f"{kind}.h"
        if not header.is_file():
            continue
        for high, name in _MEMBER.findall(header.read_text()):
            plain = name.removeprefix("__PVT__")
            if _OWN.search(plain):
                continue
            inside = instance.removeprefix("TOP").removeprefix("__")
            path = _readable(f"{inside}__DOT__{plain}" if inside else plain)
            found[path] = Member(f"symbols->{instance}.{name}", int(high) + 1)
    return found


def is_plain_memory(generated: Path) -> bool:
    """Say whether a copy of the model's bytes is a copy of its state: no queue, string or suspended process in it."""
    return not any(_NOT_PLAIN.search(header.read_text()) for header in generated.glob(f"{commands.PREFIX}*.h"))


def _readable(name: str) -> str:
    text = name.replace("__DOT__", ".")
    return re.sub(r"__BRA__(\d+)__KET__", r"[\1]", text)
