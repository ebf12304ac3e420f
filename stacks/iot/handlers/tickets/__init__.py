"""Tickets: what changes them, and where they are kept."""
