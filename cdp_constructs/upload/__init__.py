"""Upload patterns: how objects enter the system without passing through a server."""
