"""The whole of learning as one run: from a corpus to measured stages and comparisons."""
