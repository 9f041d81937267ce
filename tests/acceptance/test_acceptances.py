"""What a person says to testbenches and what they make of them, through the command line with the real simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fixtures import loader

from llm4cov_agent.bench.provenance import unstamped

pytestmark = pytest.mark.acceptance
PROGRAM = str(Path(sys.executable).parent / "llm4cov-lsp")
SOURCE = loader.design("traffic_light").sources[0]


class Desk:
    """A folder with a copy of a design, a generated testbench and a store."""

    def __init__(self, folder: Path, cache_dir: Path) -> None:
        self.folder, self._cache_dir = folder, cache_dir
        self.rtl = folder / "traffic_light.sv"
        self.rtl.write_text(SOURCE.read_text())
        self.testbench = folder / "tb_traffic_light.sv"

    def run(self, *words: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "LLM4COV_CACHE_DIR": str(self._cache_dir),
            "LLM4COV_STORE": str(self.folder / "store.db"),
            "COLUMNS": "200",
        }
        done = subprocess.run([PROGRAM, *words], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=110)
        assert "Traceback" not in done.stdout + done.stderr, done
        assert status is None or done.returncode == status, done
        return done

    def generate(self, *more: str) -> None:
        self.run("generate", self.rtl.name, "--policy", "random", "--cycles", "20", *more)

    def cover(self, *more: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run("cover", self.rtl.name, "--tb", self.testbench.name, *more, status=status)

    def stored(self) -> list[dict[str, Any]]:
        return list(json.loads(self.run("trajectories", "list", "--json").stdout)["trajectories"])

    def edit(self, cycles: int) -> None:
        """Let the testbench run on for some cycles in the end."""
        text = self.testbench.read_text()
        self.testbench.write_text(text.replace("    show_outputs;\n", f"    tick({cycles});\n    show_outputs;\n"))


@pytest.fixture
def desk(tmp_path: Path, cache_dir: Path) -> Desk:
    made = Desk(tmp_path, cache_dir)
    made.generate()
    return made


def test_an_accepted_testbench_that_is_edited_to_cover_more_is_a_transition_of_policy_human(desk: Desk) -> None:
    accepted = desk.run("trajectories", "accept", desk.testbench.name, "--reason", "reads well")
    assert "accepted tb_traffic_light.sv" in accepted.stderr
    generated = desk.testbench.read_text()
    assert "edit" not in desk.cover().stderr

    desk.edit(200)
    edited = desk.testbench.read_text()
    told = desk.cover()
    assert "your edit covers" in told.stderr and "stored as round 1" in told.stderr
    [one] = desk.stored()
    assert [each["policy"] for each in one["rounds"]] == ["random", "human"]
    assert one["rounds"][1]["after"] > one["rounds"][1]["before"] == one["rounds"][0]["after"]
    assert one["rounds"][1]["testbench"] in one["accepted"]
    assert one["rounds"][1]["after"] == json.loads(desk.cover("--json").stdout)["overall"]
    assert [each["reason"] for each in one["acceptances"]] == ["reads well", ""]
    assert "random, human" in desk.run("trajectories", "list").stdout
    shown = json.loads(desk.run("trajectories", "show", one["id"], "--round", "1", "--json").stdout)
    assert (shown["before_testbench"], shown["after_testbench"]) == (unstamped(generated), unstamped(edited))

    # The same again, less, and what a policy wrote are no edits; `holes` looks too.
    desk.cover()
    desk.testbench.write_text(generated)
    desk.edit(1)
    desk.cover()
    desk.testbench.write_text(generated)
    desk.cover()
    assert len(desk.stored()[0]["rounds"]) == 2
    desk.testbench.write_text(edited)
    desk.edit(3000)
    more = desk.run("holes", desk.rtl.name, "--tb", desk.testbench.name)
    assert "stored as round 2" in more.stderr
    assert desk.run("trajectories", "verify").returncode == 0


def test_nothing_is_an_edit_where_nothing_is_accepted_or_nothing_shall_be_stored(desk: Desk) -> None:
    desk.edit(200)
    assert "edit" not in desk.cover().stderr
    unknown = desk.run("trajectories", "accept", desk.testbench.name, status=2)
    assert "is not in the store" in unknown.stderr
    desk.testbench.unlink()
    desk.generate("--no-store")
    desk.run("trajectories", "accept", desk.testbench.name)
    desk.edit(300)
    assert "edit" not in desk.cover("--no-store").stderr
    # The result of another seed could not be gone through again.
    assert "edit" not in desk.cover("--seed", "7").stderr
    # With other RTL it is another design, and the acceptance is none of its testbenches.
    text = desk.rtl.read_text()
    desk.rtl.write_text("// changed\n" + text)
    assert "edit" not in desk.cover().stderr
    desk.rtl.write_text(text)
    assert len(desk.stored()) == 1 and len(desk.stored()[0]["rounds"]) == 1
    assert "stored as round 1" in desk.cover().stderr


def test_reject_and_undo_leave_nothing_that_stands(desk: Desk) -> None:
    said = json.loads(desk.run("trajectories", "reject", desk.testbench.name, "--reason", "too short", "--json").stdout)
    [one] = desk.stored()
    assert (said["answer"], said["trajectory"], said["top"]) == ("rejected", one["id"], "traffic_light")
    refused = desk.run("trajectories", "undo", desk.testbench.name, status=2)
    assert "does not stand as accepted" in refused.stderr
    desk.run("trajectories", "accept", desk.testbench.name)
    assert desk.stored()[0]["accepted"] == [said["testbench"]]
    assert "took the acceptance back" in desk.run("trajectories", "undo", desk.testbench.name).stderr
    [one] = desk.stored()
    assert one["accepted"] == [] and [each["answer"] for each in one["acceptances"]] == ["rejected", "accepted", "undone"]
    desk.edit(200)
    assert "edit" not in desk.cover().stderr


def test_a_store_that_can_not_be_used_costs_a_warning(desk: Desk) -> None:
    (desk.folder / "bad.db").write_text("no store\n" * 500)
    told = desk.cover("--store", "bad.db")
    assert told.stderr.count("warning") == 1 and "not an SQLite file" in told.stderr and "overall" in told.stdout
    assert desk.cover("--store", "none.db").stderr.count("warning") == 1
    missing = desk.run("trajectories", "accept", desk.testbench.name, "--store", "none.db", status=2)
    assert "there is no store" in missing.stderr and not (desk.folder / "none.db").exists()
    gone = desk.run("trajectories", "accept", "nothing.sv", status=2)
    assert "nothing.sv" in gone.stderr


def test_the_newest_of_the_trajectories_that_hold_a_testbench_is_answered(desk: Desk) -> None:
    desk.testbench.unlink()
    desk.generate()
    first, second = desk.stored()
    desk.run("trajectories", "accept", desk.testbench.name)
    assert [one["accepted"] for one in desk.stored()] == [[], [second["rounds"][0]["testbench"]]]
    assert first["rounds"][0]["testbench"] == second["rounds"][0]["testbench"]
