"""Image assets that a container engine has built, by the names under which templates use them."""

from dataclasses import dataclass

from cdp_constructs.local.containers.names import Name

__all__ = ["Built", "add", "find"]


@dataclass(frozen=True)
class Built:
    """An image in the engine.

    Attributes:
        tag: Its tag there.
        digest: Names its content.
        authorities: Paths of files with the certificate authorities of Amazon RDS.
    """

    tag: str
    digest: str
    authorities: tuple[str, ...] = ()


_built: dict[str, Built] = {}


def add(name: str, image: Built) -> None:
    """Make an image known under the name that templates use, `<repository>:<tag>`."""
    _built[name] = image


def find(name: str) -> Built | None:
    """Return the image that a container definition names, by tag or by digest; None for one of a registry."""
    wanted = Name.read(name)
    if wanted is None:
        return None
    if wanted.digest:
        return next((each for each in _built.values() if each.digest == wanted.digest), None)
    return _built.get(wanted.local)
