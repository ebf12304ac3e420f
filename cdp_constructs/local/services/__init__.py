"""What the embedded cloud adds to MiniStack, one module or package per AWS service."""
