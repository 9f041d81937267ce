"""Closes coverage without a model: searches for stimuli, proves what none can hit, explains what is left."""
