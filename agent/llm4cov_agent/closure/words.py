"""What is said about a verdict, alike in the editor and on the command line. Knows no design and no engine, so it loads at once."""

from __future__ import annotations

MOST_RELATED = 5
"""Conditions that a report points to; the innermost ones say most."""
CONTRADICTED_PROOF = "ContradictedProof"
"""Code of the problem that a run hit what was proved unreachable."""


def verdict_words(verdict: str, bound: int | None, cycles: int | None) -> str:
    """Say in brackets what is known: `verdict` is the name of its kind, `cycles` is how long the run was."""
    within = "" if cycles is None else f" in {cycles:,} cycle{'s' * (cycles != 1)}"
    match verdict:
        case "unreachable":
            return "[unreachable: proved]"
        case "bounded":
            return f"[not hit{within}; proved out of reach of any run of up to {bound} cycles]"
        case "covered":
            return f"[not hit{within}; can be reached]"
        case _:
            return f"[not hit{within}]"
