"""Clients of the embedded cloud for tests and tools: AWS clients, faults, sent messages, schedules, addresses."""
