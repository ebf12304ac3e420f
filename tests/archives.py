"""The code of functions, as tests write it."""

import io
import zipfile
from collections.abc import Collection, Mapping

__all__ = ["zipped"]


def zipped(files: Mapping[str, str], executable: Collection[str] = ()) -> bytes:
    """Return a ZIP archive with files, by their names, some of which may be run."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o755 if name in executable else 0o644) << 16
            opened.writestr(entry, content)
    return archive.getvalue()
