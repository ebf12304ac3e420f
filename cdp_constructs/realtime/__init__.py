"""Realtime patterns: events reach the clients that are connected."""
