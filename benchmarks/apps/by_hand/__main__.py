"""Synthesises a job: `python -m benchmarks.apps.by_hand fan_out 1`."""

from benchmarks.apps.starting import main

main("benchmarks.apps.by_hand")
