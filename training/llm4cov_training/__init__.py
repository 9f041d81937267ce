"""Offline learning from trajectories. Imports the agent; nothing imports it."""
