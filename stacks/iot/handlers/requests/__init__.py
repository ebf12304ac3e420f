"""Requests: issues of Backlog that ask for something of a device, and are answered there."""
