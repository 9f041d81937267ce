"""The commands below `retrain`."""
