"""EventBridge Pipes."""
