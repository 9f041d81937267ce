"""What to drive into a design, and its text in two languages. Knows no simulator."""
