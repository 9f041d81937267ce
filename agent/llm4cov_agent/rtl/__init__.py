"""Designs as values: where their files are and what they declare. Runs nothing."""
