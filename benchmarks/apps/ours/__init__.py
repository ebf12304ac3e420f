"""The jobs, with this library."""
