"""Neovim itself, headless, with the snippet of docs/editors.md as its only configuration."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from llm4cov_agent.trajectories.store import open_store
from tests.e2e.conftest import WEAK_TESTBENCH, Project
from tests.e2e.driven import home, snippets, told, whatever_the_load
from tests.e2e.test_answers import LOCK

NVIM = shutil.which("nvim") or "nvim"
pytestmark = pytest.mark.acceptance


def _run(project: Project, tmp_path: Path, script: str, *, most_snippets: int = 1) -> dict[str, Any]:
    """Open the design in Neovim, run a script that fills the table `answer`, and give that."""
    whatever_the_load(project.folder)
    (tmp_path / "init.lua").write_text("".join(snippets("lua")[:most_snippets]))
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
    command = [NVIM, "--headless", "-n", "-i", "NONE", "-u", str(tmp_path / "init.lua"), str(project.file)]
    found, errors = told([*command, "-c", f"luafile {tmp_path / 'drive.lua'}"], answer, home(tmp_path), project.folder)
    assert "rror" not in errors, errors
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


BOTH_ATTACHED = """
local attached = function()
  local names = {}
  for _, client in pairs(vim.lsp.buf_get_clients(0)) do
    if client.initialized then names[client.name] = client end
  end
  return names
end
vim.wait(200000, function() return attached().llm4cov ~= nil and attached().verible ~= nil end, 50)
local clients = attached()
local function ask(client, method, params)
  return client.request_sync(method, params, 60000, 0)
end
local file = vim.lsp.util.make_text_document_params()
"""


def test_neovim_has_verible_in_the_same_buffer(project: Project, tmp_path: Path) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    # Verible's lint speaks of the tab at the end of a line.
    lines = project.file.read_text().split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith("module "))
    lines[first] += " \t"
    project.file.write_text("\n".join(lines))
    answer = _run(
        project,
        tmp_path,
        BOTH_ATTACHED
        + """
local function by_namespace()
  local found = {}
  for _, client in pairs(clients) do
    found[client.name] = vim.diagnostic.get(0, { namespace = vim.lsp.diagnostic.get_namespace(client.id) })
  end
  return found
end
vim.wait(4000000, function()
  local found = by_namespace()
  return #found.llm4cov > 0 and #found.verible > 0
end, 50)
answer.diagnostics = by_namespace()
answer.all = #vim.diagnostic.get(0)
answer.lens = ask(clients.llm4cov, "textDocument/codeLens", { textDocument = file })
local hole = answer.diagnostics.llm4cov[1]
local at = { textDocument = file, position = { line = hole.lnum, character = hole.col } }
answer.hovers = { llm4cov = ask(clients.llm4cov, "textDocument/hover", at), verible = ask(clients.verible, "textDocument/hover", at) }
local place = { line = MODULE, character = 0 }
local params = { textDocument = file, range = { start = place, ["end"] = place }, context = { diagnostics = {} } }
answer.actions = {}
for name, client in pairs(clients) do
  answer.actions[name] = {}
  for _, action in ipairs((ask(client, "textDocument/codeAction", params) or {}).result or {}) do
    table.insert(answer.actions[name], action.title)
  end
end
answer.names = vim.tbl_keys(clients)
""".replace("MODULE", str(first)),
        most_snippets=2,
    )
    assert sorted(answer["names"]) == ["llm4cov", "verible"]
    ours, theirs = answer["diagnostics"]["llm4cov"], answer["diagnostics"]["verible"]
    assert {one["source"] for one in ours} == {"llm4cov"} and "llm4cov" not in {one.get("source") for one in theirs}
    assert any("[not hit in " in one["message"] for one in ours)
    assert any("railing" in one["message"] for one in theirs), theirs
    assert answer["all"] == len(ours) + len(theirs)
    told_of = [(one["lnum"], one["col"], one["message"]) for one in (*ours, *theirs)]
    assert len(set(told_of)) == len(told_of), "something is reported twice"
    titles = [one["command"]["title"] for one in answer["lens"]["result"]]
    assert any(title.startswith("line ") for title in titles) and "Generate" in titles
    assert "xecuted" in answer["hovers"]["llm4cov"]["result"]["contents"]["value"]
    assert "Generate high-coverage testbench for traffic_light" in answer["actions"]["llm4cov"]
    assert not set(answer["actions"]["llm4cov"]) & set(answer["actions"]["verible"])


def test_neovim_applies_generate_beside_verible(project: Project, tmp_path: Path) -> None:
    (project.folder / "llm4cov.toml").write_text("[generate]\nbudgetSeconds = 8\n")
    answer = _run(
        project,
        tmp_path,
        BOTH_ATTACHED
        + """
-- The menu of all servers' actions, and a person who takes ours.
vim.ui.select = function(items, options, choose)
  answer.offered = vim.tbl_map(options.format_item, items)
  for number, title in ipairs(answer.offered) do
    if title:find("^Generate high%-coverage testbench") then choose(items[number]) end
  end
end
vim.fn.search("^module ")
vim.lsp.buf.code_action()
vim.wait(4000000, function()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_get_name(buffer):find("tb_traffic_light.sv$") and vim.api.nvim_buf_line_count(buffer) > 20 then
      answer.text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\\n")
      return true
    end
  end
end, 50)
""",
        most_snippets=2,
    )
    assert answer["offered"].count("Generate high-coverage testbench for traffic_light") == 1
    assert "module tb_traffic_light;" in answer["text"] and "\nendmodule" in answer["text"]


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
