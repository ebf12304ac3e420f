"""Failures on demand: failing services, Regions that are cut off, functions that crash."""
