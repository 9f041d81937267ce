"""From stored transitions to examples: what is kept, which states are learned from, and what is held out."""
