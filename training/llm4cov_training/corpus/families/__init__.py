"""Families of designs: each module builds one kind of them from a style."""
