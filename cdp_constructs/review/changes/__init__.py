"""What changed between two templates, sorted by what a reviewer has to look at first."""
