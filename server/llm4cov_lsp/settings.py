"""Every setting of the language server in one table: what it is called, what it may be, and what it is by default.

The client's settings and `llm4cov.toml` are read by it, and docs/settings.md is written from it by `settings_page`. Knows no LSP.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm4cov_agent.closure import waived

FILE_NAME = "llm4cov.toml"
SECTION = "llm4cov"
DAY_S = 86_400.0
WHOLE = 2**31 - 1
"""The largest whole number that all who read one take."""

MOST_GIVEN = 100
"""Characters of a bad value that are repeated."""

Value = bool | int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row."""

    key: str
    """Dotted, below `llm4cov` in the client; the same path of tables in `llm4cov.toml`."""
    default: Value
    """Also gives the type; a number with a fraction takes whole ones too."""
    sentence: str
    choices: tuple[str, ...] = ()
    pattern: tuple[str, str] | None = None
    """What each string of a list must match as a whole, and that in words."""
    least: float | None = None
    most: float | None = None
    restricted: bool = False
    """Whether an untrusted workspace can't set it in its own file: it decides what is read, built or run."""
    personal: bool = False
    """Whether no workspace can set it in its own file: it is about the user's secrets or consent."""

    @property
    def type_name(self) -> str:
        """The type in words of JSON Schema."""
        if isinstance(self.default, bool):
            return "boolean"
        if isinstance(self.default, tuple):
            return "array of strings"
        return {int: "integer", float: "number", str: "string"}[type(self.default)]


TABLE: tuple[Setting, ...] = (
    Setting(
        key="mode",
        default="measure",
        choices=("off", "measure", "generate"),
        restricted=True,
        sentence="What happens by itself when a file is opened or saved: nothing; its testbench is measured if anything that it depends on "
        "changed; or one is generated too for a module that has none. What you ask for runs in every mode.",
    ),
    Setting(
        key="background.onBattery",
        default=False,
        restricted=True,
        sentence="Let what happens by itself run without mains too. What you ask for always runs.",
    ),
    Setting(
        key="background.maxLoad",
        default=4.0,
        least=0,
        restricted=True,
        sentence="Load average over a minute, for each processor, from which on what happens by itself waits; 0 never waits for it.",
    ),
    Setting(
        key="jobs.atOnce",
        default=0,
        least=0,
        restricted=True,
        sentence="Most jobs at once, each in a process of its own that may use all processors for a while; 0 is one for every four "
        "processors. A job that you ask for puts one off that happens by itself if there is no room.",
    ),
    Setting(key="diagnostics.enabled", default=True, sentence="Show holes as diagnostics."),
    Setting(
        key="diagnostics.kinds",
        default=("line", "branch", "expr", "toggle", "fsm"),
        choices=("line", "branch", "expr", "toggle", "fsm"),
        sentence="Kinds of points whose holes are shown.",
    ),
    Setting(key="diagnostics.unreachable", default=True, sentence="Show holes that were proved unreachable too."),
    Setting(
        key="diagnostics.maxPerFile",
        default=50,
        least=1,
        sentence="Most holes shown in one file, the most telling first; one more diagnostic counts the others.",
    ),
    Setting(key="codeLens.enabled", default=True, sentence="Show coverage over each module."),
    Setting(key="inlayHints.enabled", default=False, sentence="Show behind each line how often it was executed."),
    Setting(
        key="testbench.path",
        default="",
        restricted=True,
        sentence="Where the testbench of a module lies, relative to its file's folder; `{top}` stands for the module. Empty looks for "
        "`tb_{top}.sv` and `tb_{top}.py` beside the file, in `tb/` and in `../tb/`.",
    ),
    Setting(
        key="files.filelists",
        default=(),
        restricted=True,
        sentence="Filelists (`-F`) of the project, relative to the workspace folder.",
    ),
    Setting(
        key="files.filelistCommand",
        default=(),
        restricted=True,
        sentence='A command and its arguments that prints a filelist, such as `["make", "-s", "filelist"]`. It runs in the workspace '
        "folder, in a sandbox where it can write nothing there; what it printed is kept until a setting changes or the server restarts.",
    ),
    Setting(
        key="files.filelistCommandSeconds",
        default=30.0,
        least=0.1,
        most=DAY_S,
        restricted=True,
        sentence="Longest that the filelist command may run.",
    ),
    Setting(
        key="files.projectFiles",
        default=True,
        restricted=True,
        sentence="Where no list and no command is set: look for missing modules in the files that slang-server's `.slang/server.json` or "
        "Verible's `verible.filelist` in the workspace folder names, with its include folders and macros.",
    ),
    Setting(key="files.includeDirs", default=(), restricted=True, sentence="Folders of include files, relative to the workspace folder."),
    Setting(
        key="files.defines",
        default=(),
        restricted=True,
        pattern=(r"[A-Za-z_][A-Za-z0-9_$]*(=.*)?", "`NAME` or `NAME=VALUE`"),
        sentence="Macros, `NAME` or `NAME=VALUE`.",
    ),
    Setting(
        key="files.parameters",
        default=(),
        restricted=True,
        pattern=(r"[A-Za-z_][A-Za-z0-9_$]*\.[A-Za-z_][A-Za-z0-9_$]*=.+", "`MODULE.NAME=VALUE`"),
        sentence="Values of a module's parameters where that module is the top: `MODULE.NAME=VALUE`. A generated testbench sets them; one "
        "in SystemVerilog that is there sets its own.",
    ),
    Setting(
        key="files.libraryDirs",
        default=(),
        restricted=True,
        sentence="Folders where missing modules are looked for, relative to the workspace folder.",
    ),
    Setting(
        key="waivers.files",
        default=(waived.FILE_NAME,),
        restricted=True,
        sentence="Waiver files, relative to the workspace folder: the points that they exclude are no holes. "
        "New exclusions go to the first.",
    ),
    Setting(
        key="generate.policy",
        default="closure",
        choices=("closure", "random", "llama", "transformers", "endpoint", "recorded"),
        restricted=True,
        sentence="Who proposes testbenches: the coverage-guided search with proofs, weighted random inputs, or a language model: a GGUF "
        "file, a published folder, a server, or recorded replies (docs/models.md).",
    ),
    Setting(
        key="generate.finish",
        default="none",
        choices=("none", "closure", "llama", "transformers", "endpoint", "recorded"),
        restricted=True,
        sentence="Who goes on from where the policy ended; what works already is kept.",
    ),
    Setting(
        key="generate.budgetSeconds", default=60.0, least=1, most=DAY_S, restricted=True, sentence="Seconds to search and prove, about."
    ),
    Setting(
        key="model.name",
        default="",
        restricted=True,
        sentence="GGUF file, folder of a model or file of recorded replies, relative to the workspace folder; or the name that the server "
        "knows. Empty takes SmolLM2-135M for `llama` and `transformers`.",
    ),
    Setting(key="model.adapter", default="", restricted=True, sentence="LoRA adapter: a GGUF file, or a PEFT folder for `transformers`."),
    Setting(
        key="model.endpoint",
        default="",
        restricted=True,
        sentence="URL of an OpenAI-compatible server, such as `http://localhost:8000/v1`. One on another machine is sent nothing before "
        "you have consented (docs/safety.md).",
    ),
    Setting(
        key="model.keyVariable",
        default="LLM4COV_API_KEY",
        personal=True,
        sentence="Environment variable that holds the server's key; empty for none. The key itself is no setting.",
    ),
    Setting(
        key="model.allowedHosts",
        default=(),
        personal=True,
        sentence="Servers on other machines that may be sent designs without a question: hosts, or addresses such as "
        "`https://api.example.com`.",
    ),
    Setting(
        key="model.serverGrammar",
        default="none",
        choices=("none", "llama.cpp", "vllm", "vllm-guided"),
        sentence="How the server takes a grammar.",
    ),
    Setting(
        key="model.format",
        default="stimulus",
        choices=("full", "stimulus"),
        sentence="What the model writes: a whole testbench, or stimulus that is rendered.",
    ),
    Setting(key="model.rounds", default=3, least=0, sentence="Repairs after the model's first reply, at most."),
    Setting(key="model.maxTokens", default=1024, least=16, sentence="Tokens of a reply."),
    Setting(key="model.promptTokens", default=3000, least=500, sentence="Tokens of a prompt."),
    Setting(key="model.contextTokens", default=8192, least=1024, sentence="Tokens of prompt and reply together."),
    Setting(key="model.temperature", default=0.7, least=0, most=2, sentence="0 takes the likeliest word; 2 at most."),
    Setting(key="model.gpuLayers", default=0, least=-1, sentence="Layers of a local model on the GPU; -1 for all."),
    Setting(key="model.threads", default=0, least=0, sentence="Threads of a local model; 0 for one for each core."),
    Setting(
        key="model.think",
        default="default",
        choices=("default", "yes", "no"),
        sentence="Whether the model reasons first, where its template knows that.",
    ),
    Setting(
        key="model.budgetSeconds",
        default=300.0,
        least=1,
        most=DAY_S,
        restricted=True,
        sentence="Seconds in all where a language model is asked, about, in place of `generate.budgetSeconds`.",
    ),
    Setting(
        key="prove.budgetSeconds",
        default=30.0,
        least=1,
        most=DAY_S,
        restricted=True,
        sentence="Seconds for a proof that you ask for, about.",
    ),
    Setting(
        key="simulation.runSeconds", default=120.0, least=0.1, most=DAY_S, restricted=True, sentence="Longest that one simulation may run."
    ),
    Setting(key="simulation.seed", default=1, least=1, most=WHOLE, sentence="Seed of everything random."),
    Setting(
        key="retrain.schedule",
        default="off",
        choices=("off", "daily", "weekly"),
        restricted=True,
        sentence="How often `llm4cov-lsp retrain --if-due` is started by itself, while nothing else is to do.",
    ),
    Setting(
        key="store.enabled", default=True, restricted=True, sentence="Keep what was tried in the store of trajectories on this machine."
    ),
)
_BY_KEY = {one.key: one for one in TABLE}


@dataclass(frozen=True, slots=True)
class Settings:
    """Values of one workspace folder."""

    values: Mapping[str, Value]

    def flag(self, key: str) -> bool:
        """Give a boolean setting."""
        value = self.values[key]
        assert isinstance(value, bool)
        return value

    def number(self, key: str) -> float:
        """Give a setting that is a number."""
        value = self.values[key]
        assert isinstance(value, int | float)
        return value

    def text(self, key: str) -> str:
        """Give a setting that is a string."""
        value = self.values[key]
        assert isinstance(value, str)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Give a setting that is a list of strings."""
        value = self.values[key]
        assert isinstance(value, tuple)
        return value


DEFAULTS = Settings({one.key: one.default for one in TABLE})


def read_settings(client: object, project: object, *, trusted: bool) -> tuple[Settings, tuple[str, ...]]:
    """Take each setting from the client, else from the project's file, else its default; the messages name what can't be used.

    `client` and `project` are JSON-like trees, or None.
    """
    values = dict(DEFAULTS.values)
    problems: list[str] = []
    for source, tree in ((FILE_NAME, project), ("your editor's settings", client)):
        for key, value in _leaves(tree):
            setting = _BY_KEY.get(key)
            if setting is None:
                problems.append(f"{SECTION}.{key} in {source}: there is no such setting.")
            elif setting.personal and source == FILE_NAME:
                problems.append(f"{SECTION}.{key} in {source} is not used: only your editor's own settings can say that.")
            elif setting.restricted and source == FILE_NAME and not trusted:
                problems.append(f"{SECTION}.{key} in {source} is not used: this workspace is not trusted.")
            elif (read := _read(setting, value)) is None:
                problems.append(
                    f"{SECTION}.{key} in {source} should be {_expected(setting)}, not {_given(value)}; using {literal(values[key])}."
                )
            else:
                values[key] = read
    return Settings(values), tuple(problems)


def read_project_file(folder: Path) -> tuple[object, tuple[str, ...]]:
    """Read a folder's `llm4cov.toml`; None where there is none."""
    path = folder / FILE_NAME
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig")), ()
    except FileNotFoundError:
        return None, ()
    except OSError as error:
        return None, (f"{path}: can't be read: {error.strerror}",)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return None, (f"{path}: is not UTF-8 text (line {line}); nothing of it is used.",)
    except ValueError as error:
        return None, (f"{path}: {error}; nothing of it is used.",)


def literal(value: Value) -> str:
    """Write a value as JSON does."""
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{one}"' for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def _leaves(tree: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield (dotted key, value); keys may be nested, dotted, or both, as editors differ."""
    if not isinstance(tree, Mapping):
        return
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in _BY_KEY:
            yield from _leaves(value, f"{key}.")
        elif value is not None:
            yield key, value


def _read(setting: Setting, value: Any) -> Value | None:
    """Give the value if it is one that the setting can have."""
    if isinstance(setting.default, tuple):
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(one, str) for one in value):
            return None
        if setting.pattern is not None and not all(re.fullmatch(setting.pattern[0], one) for one in value):
            return None
        return tuple(value) if not setting.choices or set(value) <= set(setting.choices) else None
    if isinstance(setting.default, bool) or isinstance(value, bool):
        return value if isinstance(setting.default, bool) and isinstance(value, bool) else None
    if isinstance(setting.default, str):
        return value if isinstance(value, str) and (not setting.choices or value in setting.choices) else None
    if isinstance(value, float) and isinstance(setting.default, int) and value.is_integer():
        # Lua has no whole numbers apart: Neovim sends 5.0.
        value = int(value)
    if not isinstance(value, int if isinstance(setting.default, int) else int | float) or value != value:
        return None
    most = setting.most if setting.most is not None else WHOLE
    return None if value > most or (setting.least is not None and value < setting.least) else type(setting.default)(value)


def _expected(setting: Setting) -> str:
    if isinstance(setting.default, tuple):
        return "a list of strings" + (
            f" of {', '.join(setting.choices)}"
            if setting.choices
            else f", each {setting.pattern[1]}"
            if setting.pattern is not None
            else ""
        )
    if setting.choices:
        return f"one of {', '.join(setting.choices)}"
    article = "an" if setting.type_name[0] in "aeiou" else "a"
    if setting.least is None:
        return f"{article} {setting.type_name}"
    return f"{article} {setting.type_name} of {setting.least:g} or more" + (
        f", {setting.most:.10g} at most" if setting.most is not None else ""
    )


def _given(value: object) -> str:
    """Write a bad value as the user did, more or less; not all of a long one."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = str(value)
    return text if len(text) <= MOST_GIVEN else f"{text[:MOST_GIVEN]}…"
