"""Event source mappings of Lambda."""
