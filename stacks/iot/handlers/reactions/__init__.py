"""Reactions: what a device has switched on while a threshold is crossed."""
