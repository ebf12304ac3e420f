"""Routing patterns: how a request finds a healthy Region."""
