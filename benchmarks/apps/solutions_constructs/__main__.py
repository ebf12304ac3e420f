"""Synthesises a job: `python -m benchmarks.apps.solutions_constructs fan_out 1`."""

from benchmarks.apps.starting import main

main("benchmarks.apps.solutions_constructs")
