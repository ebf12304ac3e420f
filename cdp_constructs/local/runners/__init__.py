"""Runs programs: the processes that execute functions."""
