"""Who proposes testbenches, and in which order they are tried."""
