"""Delivery patterns: how content reaches its readers."""
