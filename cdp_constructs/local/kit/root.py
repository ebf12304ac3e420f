"""The root key of the server that this process runs."""

from cdp_constructs.local.root import RootKey

__all__ = ["root_key", "use_root_key"]

_key: list[RootKey] = []


def use_root_key(key: RootKey) -> None:
    """Make a key the root key, once, before the server serves."""
    _key[:] = [key]


def root_key() -> RootKey:
    """Return the root key; one that nobody else knows when none was given."""
    if not _key:
        _key.append(RootKey.generate())
    return _key[0]
