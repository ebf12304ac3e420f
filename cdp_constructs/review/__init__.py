"""Architecture cards, and reviews of what changed between two of them, read off templates."""
