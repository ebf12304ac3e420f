"""Failures on demand: failing services, isolated Regions, functions that crash."""
