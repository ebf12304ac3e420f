"""The applications that the benchmark starts: the same resources by hand and with this library."""
