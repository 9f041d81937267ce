"""The table of settings as the page docs/settings.md. Reads no setting."""

from __future__ import annotations

from llm4cov_lsp.settings import FILE_NAME, SECTION, TABLE, Setting, literal


def documentation() -> str:
    """Write docs/settings.md."""
    rows = "\n".join(_row(one) for one in TABLE)
    return f"""# Settings of the language server

An editor gives them under `{SECTION}`; a project may have them in `{FILE_NAME}` in its folder, where
`diagnostics.enabled` is `enabled` in the table `[diagnostics]`. What the editor says goes before what the file says.
A value that can't be used is named in a message, and what the file or the default says stays. Both are read again
when they change.

This page is written from `server/llm4cov_lsp/settings.py` with `llm4cov-lsp settings --markdown`.

| Setting | Type | Default | What it does |
| --- | --- | --- | --- |
{rows}

A setting marked with * decides what is read, built or run: in a workspace that the editor does not trust, `{FILE_NAME}` can't set it.
A setting marked with † is about your secrets or your consent: no `{FILE_NAME}` can set it.
"""


def _row(one: Setting) -> str:
    mark = " †" if one.personal else " *" if one.restricted else ""
    choices = f" Of {', '.join(f'`{choice}`' for choice in one.choices)}." if one.choices else ""
    return f"| `{one.key}`{mark} | {one.type_name} | `{literal(one.default)}` | {one.sentence}{choices} |"
