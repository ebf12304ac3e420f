"""Board D6, Anonymous: every message goes to a queue first, and is accepted also while the database is away."""
