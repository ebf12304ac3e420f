"""How the views call AWS."""

from botocore.config import Config

__all__ = ["CALLS"]

CALLS = Config(connect_timeout=1, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
"""Calls end within seconds, so that a request fails instead of waiting for a service that does not answer."""
