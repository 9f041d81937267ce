"""One module per policy; each turns a design into proposals."""
