"""What the package says of itself depends on where its source is, which whoever releases it names by CDP_REPOSITORY.

With an address, such as ``https://github.com/OWNER/cdp-constructs``, the package has links to it, and those of the
README lead to the files of the release. Without one there is no address to name: a package has no links then, and the
README keeps the words of its own ones. Marks for tools are left out.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_VARIABLE = "CDP_REPOSITORY"
_MARK = re.compile(r"<!--.*?-->\n")
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?://|#)([^)]+)\)")


class CustomMetadataHook(MetadataHookInterface):
    """Gives the package its README and its links."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add what `dynamic` of pyproject.toml names; an sdist has it already.

        Raises:
            ValueError: for an address that is none.
        """
        repository = os.environ.get(_VARIABLE, "").rstrip("/")
        if repository and not re.fullmatch(r"https://[^/\s]+/\S+", repository):
            raise ValueError(
                f"{_VARIABLE} is {repository!r}; give the address of the source, such as https://HOST/OWNER/NAME"
            )
        root = Path(self.root)
        version = re.search(r'__version__ = "(.+)"', (root / "cdp_constructs/_version.py").read_text())
        if version is None:
            raise ValueError("cdp_constructs/_version.py names no version")
        files = f"{repository}/blob/v{version[1]}"
        if "readme" not in metadata:
            text = description((root / "README.md").read_text(), files if repository else None)
            metadata["readme"] = {"content-type": "text/markdown", "text": text}
        if repository and "urls" not in metadata:
            metadata["urls"] = {
                "Source": repository,
                "Issues": f"{repository}/issues",
                "Documentation": f"{files}/docs/index.md",
                "Changelog": f"{files}/CHANGELOG.md",
            }


def description(readme: str, source: str | None) -> str:
    """Return what an index shows of a README.

    Args:
        readme: The text of the file.
        source: Address at which the files of the release are. Without it, a link to a file is its words.
    """
    text = _MARK.sub("", readme)
    if source is None:
        return _LINK.sub(r"\1", text)
    return _LINK.sub(lambda found: f"[{found[1]}]({source}/{found[2]})", text)
