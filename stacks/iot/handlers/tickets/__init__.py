"""Tickets: their changes, and where they are stored."""
