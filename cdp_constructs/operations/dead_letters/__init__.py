"""What failed in a deployed stack: where it waits, why, and how it is delivered again."""
