"""What the VS Code extension says of the server is what the server says of itself. Needs no Node."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

from llm4cov_lsp import protocol
from llm4cov_lsp.gate import NOT_NOW
from llm4cov_lsp.server import make_server

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "extension"
_INTERFACE = re.compile(r"export interface (?P<name>\w+) \{(?P<body>.*?)\n\}", re.DOTALL)
_FIELD = re.compile(r"^  readonly (?P<name>\w+): (?P<type>.+);$", re.MULTILINE)
_NAME = re.compile(r'export const (?P<name>\w+) = "(?P<value>llm4cov/\w+)";')


def _manifest() -> Any:
    return json.loads((EXTENSION / "package.json").read_text())


def _writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_settings", EXTENSION / "scripts/write_settings.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_manifest_has_the_servers_settings() -> None:
    writer, manifest = _writer(), _manifest()
    hint = "run: .venv/bin/python extension/scripts/write_settings.py"
    assert manifest["contributes"]["configuration"]["properties"] == writer.properties(), hint
    assert manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] == writer.restricted(), hint


def test_extension_and_server_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert _manifest()["version"] == project["version"]


def test_both_sides_name_the_same_messages_and_fields() -> None:
    text = (EXTENSION / "src/protocol.ts").read_text()
    there = {
        match["name"]: {field["name"]: field["type"] for field in _FIELD.finditer(match["body"])} for match in _INTERFACE.finditer(text)
    }
    here = {one.__name__: {protocol.camel(field.name): str(field.type) for field in dataclasses.fields(one)} for one in protocol.MESSAGES}
    assert {name: list(fields) for name, fields in there.items()} == {name: list(fields) for name, fields in here.items()}
    for name, fields in here.items():
        for field, kind in fields.items():
            assert _typescript(kind) == there[name][field], f"{name}.{field}"
    names = {match["name"]: match["value"] for match in _NAME.finditer(text)}
    assert names == {name: value for name, value in vars(protocol).items() if isinstance(value, str) and value.startswith("llm4cov/")}


def _typescript(kind: str) -> str:
    """Write a Python annotation as TypeScript does."""
    if kind.startswith("tuple["):
        inner = kind.removeprefix("tuple[").removesuffix("]").removesuffix(", ...")
        if inner.startswith("tuple["):
            members = ", ".join(_typescript(one) for one in inner.removeprefix("tuple[").removesuffix("]").split(", "))
            return f"readonly (readonly [{members}])[]"
        return f"readonly {_typescript(inner)}[]"
    words = {"str": "string", "int": "number", "float": "number", "bool": "boolean", "None": "null"}
    return " | ".join(words.get(one, one) for one in kind.split(" | "))


def test_closing_the_dialog_is_the_servers_no() -> None:
    assert f'item.title === "{NOT_NOW}"' in (EXTENSION / "src/server/consent.ts").read_text()


def test_no_command_of_the_extension_is_one_of_the_servers() -> None:
    """The language client registers the server's commands under their own names."""
    offered = set(make_server().protocol.fm.commands)
    own = {one["command"] for one in _manifest()["contributes"]["commands"]}
    assert "llm4cov.generate" in offered and own and not own & offered
    assert all(name.startswith("llm4cov.editor.") for name in own)
