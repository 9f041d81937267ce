"""How a testbench is built, run and scored. Writes no testbench."""
