"""Learning: from examples to an adapter."""
