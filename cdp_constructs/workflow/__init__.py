"""Patterns that react to other systems' events with work of their own."""
