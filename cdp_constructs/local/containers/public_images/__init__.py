"""The programs of public images that run here: each has a folder of its own there."""
