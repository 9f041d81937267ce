"""Everything that happens to a design: reading, driving, judging. Knows no editor and no GPU."""
