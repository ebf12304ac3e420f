"""Synthesises a job: `python -m benchmarks.apps.ours fan_out 1`."""

from benchmarks.apps.starting import main

main("benchmarks.apps.ours")
