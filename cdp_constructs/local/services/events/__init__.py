"""EventBridge and EventBridge Scheduler."""
