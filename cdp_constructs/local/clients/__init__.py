"""What tests and tools ask the embedded cloud for: AWS clients, faults, sent messages, schedules, addresses."""
