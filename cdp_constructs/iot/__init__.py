"""Patterns of the Internet of Things: fleets of devices, and what they and the cloud tell each other."""
