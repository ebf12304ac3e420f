"""The way of one item through deployed stacks, from what their functions have logged, and where it stopped."""
