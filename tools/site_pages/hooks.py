"""Hooks of the site's builder: pages that are made, folders of the navigation with all their pages, and diagrams.

The theme draws Mermaid diagrams with a global ``mermaid``, and fetches one from a public host where there is none. The
site brings its own, and a page that has a diagram loads it.
"""

import re
from pathlib import Path
from typing import Any

from properdocs.config.defaults import ProperDocsConfig
from properdocs.structure.files import File, Files
from properdocs.structure.pages import Page
from properdocs.utils import get_relative_url

from tools.patterns import FAMILIES, ROOT, patterns
from tools.site_pages import problems, reference

__all__ = ["DIAGRAMS", "on_config", "on_files", "on_post_page"]

_DOCS = ROOT / "docs"
DIAGRAMS = "assets/mermaid.js"
"""Where the site has the program that draws diagrams."""
_MERMAID = ROOT / "node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"
_HAS_DIAGRAM = re.compile(r'<pre class="mermaid"')


def on_config(config: ProperDocsConfig) -> ProperDocsConfig:
    """Put every page of a folder where properdocs.yml names the folder, such as `decisions/`."""
    config.nav = [_expanded(item) for item in config.nav or []]
    return config


def on_files(files: Files, *, config: ProperDocsConfig) -> Files:
    """Add the pages that are made, and the program that draws diagrams.

    Raises:
        FileNotFoundError: when it is not installed.
    """
    made = {problems.PAGE: problems.page(), **reference.pages()}
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    files.append(File.generated(config, DIAGRAMS, content=_MERMAID.read_bytes()))
    return files


def on_post_page(output: str, *, page: Page, **_: object) -> str:
    """Let a page with a diagram load what draws it."""
    if not _HAS_DIAGRAM.search(output):
        return output
    # Deferred scripts run in order before the theme looks for diagrams, which is when the page has been read.
    script = f'<script src="{get_relative_url(DIAGRAMS, page.url)}" defer></script>'
    return output.replace("</head>", f"{script}</head>", 1)


def _expanded(item: Any) -> Any:
    if isinstance(item, dict):
        return {title: _listed(value) for title, value in item.items()}
    return item


def _listed(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    listed: list[Any] = []
    for item in value:
        if isinstance(item, str) and item.endswith("/"):
            listed += _folder(item)
        else:
            listed.append(_expanded(item))
    return listed


def _folder(name: str) -> list[Any]:
    if name == "patterns/":
        found = patterns()
        families = {title: [one for one in found if one.family == family] for family, title in FAMILIES.items()}
        return [{title: [{one.name: f"{name}{one.page}"} for one in ones]} for title, ones in families.items() if ones]
    if name == f"{reference.FOLDER}/":
        return list(reference.pages())
    pages = sorted((_DOCS / name).glob("*.md"), key=lambda page: (page.name != "index.md", page.name))
    return [{_title(page): f"{name}{page.name}"} for page in pages]


def _title(page: Path) -> str:
    found = re.search(r"^# (.+)$", page.read_text(), re.MULTILINE)
    return found[1].replace("`", "") if found else page.stem
