"""Lambda layers: packages compiled for another platform are left out, and the host's packages are used instead.

Functions run on the Python and the processor of the host, whatever their runtime and architecture say. A layer puts its
packages before those of the host, so one with code compiled for Lambda's arm64 would hide a package that works here
behind one that cannot be imported. Such packages are left out of the layer, whole, and it gets the host's of the same
name instead, in the version that is installed there; when there is none, the function fails with its name.

The layer of Powertools is AWS's own and has the packages that the host has for it.
"""

import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.services.lambda_ import runtime

__all__ = ["is_powertools_folder", "without_foreign_code"]

# A layer's site-packages is a site directory: each line of such a file is a folder where packages are found.
_SITE_PACKAGES = "python/lib/python3/site-packages"
_POWERTOOLS = f"{_SITE_PACKAGES}/powertools.pth"
_HOST = f"{_SITE_PACKAGES}/host.pth"

# python/<package>/… or python/lib/python3.14/site-packages/<package>/…
_PACKAGE = re.compile(r"(?:^|.*/)python/(?:lib/python[\d.]+/site-packages/)?(?P<package>[^/]+)(?:/|$)")
_COMPILED = re.compile(r"\.so(?:\.[\d.]+)?$")
# The suffix of an extension module that names its interpreter, such as .cpython-314-aarch64-linux-gnu.so.
_TAGGED = re.compile(r"\.cpython-[^/]+\.so$")
_TAGS_OF_HOST = tuple(suffix for suffix in EXTENSION_SUFFIXES if _TAGGED.match(suffix))
# In an ELF file: class, byte order and, at 18, the processor; files of other systems differ in the first bytes.
_MACHINE = (slice(0, 6), slice(18, 20))


def _machine(content: bytes) -> tuple[bytes, ...]:
    return tuple(content[part] for part in _MACHINE)


def _is_foreign(name: str, header: bytes, host: tuple[bytes, ...]) -> bool:
    tagged = _TAGGED.search(name) is not None
    return _machine(header) != host or (tagged and not name.endswith(_TAGS_OF_HOST))


def is_powertools_folder(folder: Path) -> bool:
    """Whether a layer was unpacked there that `_resolve` gave for Powertools."""
    return (folder / _POWERTOOLS).exists()


def _powertools_layer() -> bytes:
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as archive:
        archive.writestr(_POWERTOOLS, str(runtime.powertools()))
    return layer.getvalue()


def _distributions_of_host(packages: set[str]) -> list[metadata.Distribution]:
    names = metadata.packages_distributions()
    found = {name for package in packages for name in names.get(package, ())}
    return list(map(metadata.distribution, sorted(found)))


def without_foreign_code(layer: bytes) -> bytes:
    """Return a layer's zip file with this machine's packages instead of those that hold code which it cannot run.

    Args:
        layer: The zip file of the layer.

    Returns:
        The same bytes when everything in it can be run.
    """
    with Path(sys.executable).open("rb") as interpreter:
        host = _machine(interpreter.read(20))
    with zipfile.ZipFile(io.BytesIO(layer)) as archive:
        foreign = set()
        for name in archive.namelist():
            package = _PACKAGE.match(name)
            if package is None or _COMPILED.search(name) is None:
                continue
            with archive.open(name) as file:
                if _is_foreign(name, file.read(20), host):
                    foreign.add(package["package"])
        if not foreign:
            return layer
        rest = io.BytesIO()
        with zipfile.ZipFile(rest, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as kept:
            for item in archive.infolist():
                package = _PACKAGE.match(item.filename)
                if package is None or package["package"] not in foreign:
                    kept.writestr(item, archive.read(item))
            if distributions := _distributions_of_host(foreign):
                kept.writestr(_HOST, str(runtime.linked(distributions)))
    return rest.getvalue()


_cleaned: dict[bytes, bytes] = {}
"""By the digest of the original."""


@patch("ministack.services.lambda_svc:_resolve_layer_zip")
def _resolve(original: Callable[[Any], bytes | None], attachment: Any) -> bytes | None:
    if runtime.is_powertools(attachment):
        return _powertools_layer()
    layer = original(attachment)
    if not layer:
        return layer
    digest = hashlib.sha256(layer).digest()
    if digest not in _cleaned:
        _cleaned[digest] = without_foreign_code(layer)
    return _cleaned[digest]
