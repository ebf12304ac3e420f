"""Data patterns: how state is kept, found and shared."""
