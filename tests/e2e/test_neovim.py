"""Neovim itself, headless, with the snippet of docs/editors.md as its only configuration."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from llm4cov_agent.trajectories.store import open_store
from tests.e2e.conftest import PROGRAM, WEAK_TESTBENCH, Project
from tests.e2e.test_answers import LOCK

NVIM = shutil.which("nvim") or "nvim"
pytestmark = pytest.mark.acceptance
DOCS = Path(__file__).parents[2] / "docs" / "editors.md"


def _snippet() -> str:
    return re.findall(r"```lua\n(.*?)```", DOCS.read_text(), re.DOTALL)[0]


def _run(project: Project, tmp_path: Path, script: str) -> dict[str, object]:
    """Open the design in Neovim, run a script that fills the table `answer`, and give that."""
    (tmp_path / "init.lua").write_text(_snippet())
    answer = tmp_path / "answer.json"
    driven = f"""
local answer = {{}}
local ok, trouble = pcall(function()
{script}
end)
answer.trouble = not ok and tostring(trouble) or nil
local file = io.open({str(answer)!r}, "w")
file:write(vim.json.encode(answer))
file:close()
for _, client in pairs(vim.lsp.get_active_clients()) do client.stop() end
vim.wait(5000, function() return #vim.lsp.get_active_clients() == 0 end)
vim.cmd("qa!")
"""
    (tmp_path / "drive.lua").write_text(driven)
    environment = os.environ | {"PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    command = [str(NVIM), "--headless", "-n", "-i", "NONE", "-u", str(tmp_path / "init.lua"), str(project.file)]
    done = subprocess.run(
        [*command, "-c", f"luafile {tmp_path / 'drive.lua'}"],
        env=environment,
        cwd=project.folder,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert answer.exists(), done.stdout + done.stderr
    found = dict(json.loads(answer.read_text()))
    assert "trouble" not in found, found["trouble"]
    assert "rror" not in done.stderr, done.stderr
    return found


def test_neovim_shows_the_holes_of_a_file(project: Project, tmp_path: Path) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    answer = _run(
        project,
        tmp_path,
        """
vim.wait(4000000, function() return #vim.diagnostic.get(0) > 0 end, 50)
answer.diagnostics = vim.diagnostic.get(0)
""",
    )
    found = answer["diagnostics"]
    assert isinstance(found, list) and found
    assert {one["source"] for one in found} == {"llm4cov"}
    assert any("[not hit in " in one["message"] for one in found)


def test_neovim_applies_generate_as_an_unsaved_file(project: Project, tmp_path: Path) -> None:
    (project.folder / "llm4cov.toml").write_text("[generate]\nbudgetSeconds = 8\n")
    answer = _run(
        project,
        tmp_path,
        """
vim.wait(200000, function()
  for _, client in pairs(vim.lsp.buf_get_clients(0)) do
    if client.server_capabilities.codeActionProvider or client.resolved_capabilities then return true end
  end
end, 50)
local lines = vim.api.nvim_buf_get_lines(0, 0, -1, false)
local params
for number, line in ipairs(lines) do
  if line:find("^module ") then
    local place = { line = number - 1, character = 0 }
    params = {
      textDocument = vim.lsp.util.make_text_document_params(),
      range = { start = place, ["end"] = place },
      context = { diagnostics = {} },
    }
  end
end
local replies = vim.lsp.buf_request_sync(0, "textDocument/codeAction", params, 10000)
for id, reply in pairs(replies or {}) do
  for _, action in ipairs(reply.result or {}) do
    if action.title:find("Generate high%-coverage testbench") then
      vim.lsp.get_client_by_id(id).request("workspace/executeCommand", action.command, function() end, 0)
      answer.title = action.title
    end
  end
end
local name
vim.wait(4000000, function()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    name = vim.api.nvim_buf_get_name(buffer)
    if name:find("tb_traffic_light.sv$") then
      answer.text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\\n")
      if #answer.text > 100 then
        answer.modified = vim.api.nvim_buf_get_option(buffer, "modified")
        return true
      end
    end
  end
end, 50)
""",
    )
    assert answer["title"] == "Generate high-coverage testbench for traffic_light"
    assert answer["modified"] is True
    assert "module tb_traffic_light;" in str(answer["text"]) and "\nendmodule" in str(answer["text"])


def test_neovim_accepts_by_saving_and_stores_an_edit_that_covers_more(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store.db"
    monkeypatch.setenv("LLM4COV_STORE", str(store))
    project.file.write_text(LOCK)
    settings = '[generate]\npolicy = "random"\n[background]\nmaxLoad = 0\nonBattery = true\n'
    (project.folder / "llm4cov.toml").write_text(settings)
    answer = _run(
        project,
        tmp_path,
        """
local client
vim.wait(200000, function()
  for _, one in pairs(vim.lsp.buf_get_clients(0)) do client = one end
  return client ~= nil and client.initialized
end, 50)
-- The server reads its settings once it is greeted.
vim.wait(3000, function() return false end)
local uri = vim.uri_from_bufnr(0)
local rtl = vim.api.nvim_get_current_buf()
local function command(name, ...)
  local reply = client.request_sync("workspace/executeCommand", { command = name, arguments = { uri, "lock", ... } }, 400000, rtl)
  return reply and reply.result or {}
end
answer.generated = command("llm4cov.generate")
local bench
vim.wait(20000, function()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(buffer):find("tb_lock.sv$") and vim.api.nvim_buf_line_count(buffer) > 20 then bench = buffer end
  end
  return bench ~= nil
end, 50)
vim.cmd("buffer " .. bench)
vim.wait(2000, function() return false end)
vim.cmd("write!")
vim.wait(2000, function() return false end)
answer.listed = command("llm4cov.trajectory.list")
local lines = vim.api.nvim_buf_get_lines(bench, 0, -1, false)
for number, line in ipairs(lines) do
  if line == "    show_outputs;" then
    vim.api.nvim_buf_set_lines(bench, number - 1, number - 1, false, { "    a = 251;", "    b = 241;", "    tick(2);" })
  end
end
vim.cmd("write")
vim.wait(400000, function()
  local found = command("llm4cov.trajectory.list").trajectories or {}
  return found[1] ~= nil and #found[1].rounds == 2
end, 1000)
answer.undone = command("llm4cov.undo")
""",
    )
    generated, undone = answer["generated"], answer["undone"]
    assert isinstance(generated, dict) and generated["applied"] and not generated["accepted"]
    assert isinstance(undone, dict) and "edited since" in undone["error"]
    assert "a = 251;" in (project.folder / "tb_lock.sv").read_text()
    with open_store(store, writable=False) as opened:
        [one] = opened.trajectories()
    assert [each.policy for each in one.rounds] == ["random", "human"]
    assert [each.answer.value for each in one.acceptances] == ["accepted", "accepted"]
