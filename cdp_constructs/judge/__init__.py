"""Compares the architecture of an assembly with a brief: what stops what, how far away it is, and what it costs."""
