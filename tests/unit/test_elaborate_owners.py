"""Views of slang's objects never outlive what they point into."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from llm4cov_agent.rtl.elaborate import elaborate, owners
from llm4cov_agent.rtl.elaborate.reading import parse
from llm4cov_agent.rtl.fileset import FileSet

DESIGNS = Path(__file__).parents[2] / "fixtures" / "designs"

READ_ALL = """
import sys
from pathlib import Path
from llm4cov_agent.rtl.elaborate import elaborate
from llm4cov_agent.rtl.elaborate.conditions import read_conditions
from llm4cov_agent.rtl.elaborate.sites import read_sites
from llm4cov_agent.rtl.elaborate.switches import read_switches
from llm4cov_agent.rtl.fileset import FileSet

for folder in sorted(Path(sys.argv[1]).iterdir())[:20]:
    design, problems = elaborate(FileSet(sources=tuple(sorted((folder / "rtl").glob("*.*v")))))
    assert design is not None, problems
    read_sites(design, [])
    read_conditions(design)
    read_switches(design)
print("read all")
"""


def test_reading_many_designs_in_one_process_does_not_end_it() -> None:
    # With the system's allocator Python's objects and slang's share their addresses, so that a view which is left behind soon ends
    # the process; with Python's own that took thousands of readings.
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(DESIGNS)],
        env=os.environ | {"PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "read all\n"), done.stderr


def test_owners_are_let_go_of_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.sv").write_text("module a(input logic x, output logic y); assign y = ~x; endmodule\n")
    monkeypatch.setattr(owners, "MAX_RETIRED", 10)
    waiting = []
    for _ in range(12):
        design, problems = elaborate(FileSet(sources=(tmp_path / "a.sv",)))
        assert design is not None, problems
        waiting.append(len(owners._retired))
    assert 0 in waiting and max(waiting) <= 10


def test_much_source_is_let_go_of_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.sv").write_text("module a(input logic x, output logic y); assign y = ~x; endmodule\n" + "// words\n" * 1000)
    monkeypatch.setattr(owners, "MAX_RETIRED_SOURCE", 5000)
    elaborate(FileSet(sources=(tmp_path / "a.sv",)))
    assert not owners._retired


def test_what_is_included_counts_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.svh").write_text("// words\n" * 1000)
    (tmp_path / "a.sv").write_text('`include "a.svh"\nmodule a(input logic x, output logic y); assign y = ~x; endmodule\n')
    monkeypatch.setattr(owners, "MAX_RETIRED_SOURCE", 5000)
    elaborate(FileSet(sources=(tmp_path / "a.sv",)))
    assert not owners._retired


def test_a_reading_that_fails_leaves_its_owners_to_a_later_one() -> None:
    with pytest.raises(ZeroDivisionError), owners.reading():
        owners.keep(object(), 10**9)
        raise ZeroDivisionError
    assert len(owners._retired) >= 1
    with owners.reading():
        owners.keep(object(), 1)
    assert not owners._retired


def test_nothing_is_read_outside_of_a_reading() -> None:
    with pytest.raises(LookupError):
        parse([(Path("/a.sv"), "module a; endmodule\n")], (), ())
