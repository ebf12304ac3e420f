"""Containers without Docker: processes of this machine that stand for the containers of a task."""
