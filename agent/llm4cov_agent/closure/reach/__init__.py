"""Formal reachability: a witness, a proof or an honest bound for a coverage point."""
