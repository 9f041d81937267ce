"""Writes the server's settings, and which of them a workspace that is not trusted can't set, into package.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from llm4cov_lsp.settings import SECTION, TABLE, Setting

MANIFEST = Path(__file__).parent.parent / "package.json"
OWN: dict[str, dict[str, Any]] = {
    "llm4cov.server.path": {
        "type": "string",
        "default": "",
        "scope": "machine-overridable",
        "markdownDescription": "The program `llm4cov-lsp`. Empty looks in the selected Python environment, then on the path, then for the "
        "private environment that this extension can make.",
    },
    "llm4cov.trace.server": {
        "type": "string",
        "enum": ["off", "messages", "verbose"],
        "default": "off",
        "scope": "window",
        "markdownDescription": "What of the talk between the editor and the server goes to the log.",
    },
}
"""Settings of the extension itself, which the server is not told."""
_RESTRICTED_OWN = ("llm4cov.server.path",)


def properties() -> dict[str, dict[str, Any]]:
    """Give `contributes.configuration.properties`."""
    return OWN | {f"{SECTION}.{one.key}": _property(one) for one in TABLE}


def restricted() -> list[str]:
    """Give `capabilities.untrustedWorkspaces.restrictedConfigurations`."""
    return [*_RESTRICTED_OWN, *(f"{SECTION}.{one.key}" for one in TABLE if one.restricted or one.personal)]


def _property(one: Setting) -> dict[str, Any]:
    # What is about secrets or consent is the user's alone: of scope `machine`, a workspace's .vscode/settings.json can't set it.
    found: dict[str, Any] = {"scope": "machine" if one.personal else "resource", "markdownDescription": one.sentence}
    if isinstance(one.default, tuple):
        items: dict[str, Any] = {"type": "string"} | ({"enum": list(one.choices)} if one.choices else {})
        if one.pattern is not None:
            items["pattern"] = f"^{one.pattern[0]}$"
        return {"type": "array", "items": items, "default": list(one.default)} | found
    found = {"type": one.type_name, "default": one.default} | found
    if one.choices:
        found["enum"] = list(one.choices)
    if one.least is not None:
        found["minimum"] = one.least
    if one.most is not None:
        found["maximum"] = one.most
    return found


def main() -> int:
    """Write them."""
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    manifest["contributes"]["configuration"]["properties"] = properties()
    manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = restricted()
    MANIFEST.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
