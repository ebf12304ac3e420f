"""Writes the files of a new pattern, ready to fill: `make pattern FAMILY=upload NAME=VirusScan`."""
