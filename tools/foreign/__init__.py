"""Tries cloud assemblies of other projects on the embedded cloud: `python -m tools.foreign FOLDER`."""
