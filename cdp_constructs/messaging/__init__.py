"""Messaging patterns: how services talk without knowing each other."""
