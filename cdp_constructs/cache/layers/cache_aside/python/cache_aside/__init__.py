"""Reads through a cache: a value is loaded once however many ask for it, and without the cache the source answers.

    cache = Cache.from_environment()
    product = cache.get(f"product:{number}", lambda: load_product(number), lifetime=300)
    cache.forget(f"product:{number}")   # after a write

Needs ``valkey``; values are what JSON has.
"""

from .cache import Cache
from .entries import Entry, is_due, spread

__all__ = ["Cache", "Entry", "is_due", "spread"]
