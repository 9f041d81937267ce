"""Adapters: made portable, kept, promoted and rolled back."""
