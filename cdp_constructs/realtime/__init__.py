"""Realtime patterns: what happens now reaches the clients that are connected now."""
