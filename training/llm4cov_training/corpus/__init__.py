"""Designs to learn from: generated ones, and variants of the user's own."""
