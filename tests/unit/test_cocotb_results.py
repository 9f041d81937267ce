"""A cocotb test that failed is told with the line of the testbench that failed, out of what cocotb wrote and printed."""

from __future__ import annotations

from pathlib import Path

from llm4cov_agent.judge.cocotb_runtime import RESULTS_FILE, read_results

_RESULTS = """<testsuites name="results"><testsuite name="all">
<testcase name="t" classname="tb_m"><failure message="m contains no child object named x" /></testcase>
<testcase name="t2" classname="tb_m"><failure message="no" /></testcase>
<testcase name="t3" classname="tb_m" />
</testsuite></testsuites>
"""
_PRINTED = """     0.00ns INFO     cocotb.regression                  running tb_m.t (1/3)
   101.00ns WARNING  cocotb.regression                  tb_m.t failed
                                                        Traceback (most recent call last):
                                                          File "/tmp/run/tb_m.py", line 12, in t
                                                            await helper(dut)
                                                          File "/tmp/run/tb_m.py", line 6, in helper
                                                            dut.x.value = 1
                                                          File "/site-packages/cocotb/handle.py", line 461, in __getattr__
                                                            raise AttributeError(f"{self._path} contains no child object")
                                                        AttributeError: m contains no child object named x
   101.00ns INFO     cocotb.regression                  running tb_m.t2 (2/3)
   201.00ns WARNING  cocotb.regression                  tb_m.t2 failed
                                                        Traceback (most recent call last):
                                                          File "/tmp/run/tb_m.py", line 16, in t2
                                                        AssertionError: no
   201.00ns INFO     cocotb.regression                  running tb_m.t3 (3/3)
"""
_BROKEN = """     0.00ns INFO     cocotb.initialize                  Running on Verilator version 5.49
Traceback (most recent call last):
  File "/site-packages/pygpi/entry.py", line 42, in load_entry
    entry_func()
  File "/tmp/run/tb_m.py", line 9
    syntax error here
           ^^^^^
SyntaxError: invalid syntax
- :0: Verilog $finish
"""


def test_failed_tests_have_the_innermost_line_of_the_testbench(tmp_path: Path) -> None:
    (tmp_path / RESULTS_FILE).write_text(_RESULTS)
    found = read_results(tmp_path, printed=_PRINTED, module="tb_m")
    assert [(one.message, one.line) for one in found] == [("test `t`: m contains no child object named x", 6), ("test `t2`: no", 16)]


def test_a_testbench_that_can_not_be_loaded_is_told_with_its_reason(tmp_path: Path) -> None:
    (one,) = read_results(tmp_path, printed=_BROKEN, module="tb_m")
    assert one.message == "the simulation ended before cocotb could write its results: SyntaxError: invalid syntax" and one.line == 9
    (bare,) = read_results(tmp_path, printed="", module="tb_m")
    assert bare.message == "the simulation ended before cocotb could write its results" and bare.line is None
