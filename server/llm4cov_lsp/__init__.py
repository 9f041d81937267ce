"""The language server. Speaks LSP and asks the agent; judges nothing itself."""
