"""Writes the files of a new pattern, ready to fill: `make pattern FAMILY=upload NAME=VirusScan`."""

import argparse
import re
import sys
from pathlib import Path
from string import Template

from tools.patterns import FAMILIES, ROOT, write

TEMPLATES = Path(__file__).parent
CHANGELOG_SECTION = "### Added\n\n"


def files(family: str, name: str) -> dict[str, str]:
    """Return the texts of the five files by path."""
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    places = {
        "construct": f"cdp_constructs/{family}/{module}.py",
        "handler": f"cdp_constructs/{family}/handlers/{module}/index.py",
        "example": f"docs/examples/{module}.py",
        "page": f"docs/patterns/{module.replace('_', '-')}.md",
        "test": f"tests/{family}/test_{module}.py",
    }
    texts = {}
    for kind, path in places.items():
        [template] = TEMPLATES.glob(f"{kind}.*.txt")
        texts[path] = Template(template.read_text()).safe_substitute(
            Name=name, family=family, module=module, page=module.replace("_", "-")
        )
    return texts


def add(family: str, name: str, root: Path = ROOT) -> list[str]:
    """Write the files and the line of the changelog, and return the paths.

    Raises:
        ValueError: when the family or the name cannot be used, or a file is there already.
    """
    if family not in FAMILIES:
        raise ValueError(f"FAMILY is {family!r}. Use one of {', '.join(FAMILIES)}, or add it to tools/patterns.py.")
    if not re.fullmatch(r"([A-Z][a-z0-9]+)+", name):
        raise ValueError(f"NAME is {name!r}. Use words in capitals without spaces, such as VirusScan.")
    texts = files(family, name)
    for path in texts:
        if (root / path).exists():
            raise ValueError(f"{path} is there already. Choose another NAME.")
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    package = root / "cdp_constructs" / family / "__init__.py"
    if not package.exists():
        package.write_text(f'"""{FAMILIES[family]}."""\n')
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text()
    changelog.write_text(text.replace(CHANGELOG_SECTION, f"{CHANGELOG_SECTION}- Pattern `{name}`.\n", 1))
    return [*texts, "CHANGELOG.md", *write(root)]


def main() -> None:
    """Read the arguments, write, and say what was written."""
    parser = argparse.ArgumentParser(prog="make pattern", description=__doc__)
    parser.add_argument("family", help=", ".join(FAMILIES))
    parser.add_argument("name", help="name of the class, such as VirusScan")
    arguments = parser.parse_args()
    try:
        written = add(arguments.family, arguments.name)
    except ValueError as error:
        sys.exit(str(error))
    print("\n".join(written))  # noqa: T201


if __name__ == "__main__":
    main()
