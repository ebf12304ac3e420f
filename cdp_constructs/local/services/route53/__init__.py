"""Amazon Route 53."""
