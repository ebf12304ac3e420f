"""Demonstrations: reference systems on the embedded cloud, driven by real clients."""
