"""The description of the package: the README, whose links are to files that an index does not have."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")
_MARK = re.compile(r"<!--.*?-->\n")


def description(readme: str, source: str | None) -> str:
    """Return what an index shows of a README.

    Args:
        readme: The text of the file.
        source: Address at which the files of the repository are, `[project.urls]` "Source" with ``/blob/main``. Without
            it, a link to a file is its words.
    """

    def written(link: re.Match[str]) -> str:
        return f"[{link[1]}]({source}/{link[2]})" if source else link[1]

    return _LINK.sub(written, _MARK.sub("", readme))


class Description(MetadataHookInterface):
    """Gives the package its description."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the description to the metadata."""
        home = metadata.get("urls", {}).get("Source")
        text = description((Path(self.root) / "README.md").read_text(), f"{home}/blob/main" if home else None)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
