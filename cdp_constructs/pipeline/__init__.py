"""Patterns that build, test, review and deliver a user's own CDK application."""
