"""What the library costs, measured as whole processes."""
