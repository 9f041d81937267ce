"""What the editor shows, made from results and documents: pure functions that give LSP's values."""
