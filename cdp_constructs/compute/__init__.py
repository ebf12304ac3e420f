"""Servers that work: containers."""
