"""Cognito."""
