"""Verilog-2005 as pyverilog knows it: syntax trees that are built, read, changed and written. The only package that imports pyverilog."""
