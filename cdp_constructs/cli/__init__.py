"""The command line `cdp`."""
