"""Offline learning from trajectories. Imports the agent; nothing imports it."""

import os

# Bars of libraries between our own lines are no word for who waits for a run. tqdm reads this as it is loaded, so nothing may come before.
os.environ.setdefault("TQDM_DISABLE", "1")
