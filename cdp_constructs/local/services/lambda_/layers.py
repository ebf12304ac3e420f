"""Lambda layers: packages compiled for another platform are left out, and the host's packages are used instead.

Functions run on the Python and the processor of the host, whatever their runtime and architecture say. A layer puts its
packages before those of the host, so one with code compiled for Lambda's arm64 would hide a package that works here
behind one that cannot be imported. Such packages are left out of the layer, whole: the function imports the host's of
the same name, in the version that is installed there, or fails with the name of the one that is missing.
"""

import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit.patch import patch

__all__ = ["without_foreign_code"]

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


def without_foreign_code(layer: bytes) -> bytes:
    """Return a layer's zip file without the packages that hold code which this machine cannot run.

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
    return rest.getvalue()


_cleaned: dict[bytes, bytes] = {}
"""By the digest of the original."""


@patch("ministack.services.lambda_svc:_resolve_layer_zip")
def _resolve(original: Callable[[Any], bytes | None], attachment: Any) -> bytes | None:
    layer = original(attachment)
    if not layer:
        return layer
    digest = hashlib.sha256(layer).digest()
    if digest not in _cleaned:
        _cleaned[digest] = without_foreign_code(layer)
    return _cleaned[digest]
