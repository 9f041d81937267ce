"""Commands that make the numbers in README and docs; each prints a table and writes benchmarks/results/NAME.json."""
