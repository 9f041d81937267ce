"""Trajectories to learn from, made by rolling policies out over many designs."""
