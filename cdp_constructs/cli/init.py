"""The command `cdp init`: a CDK application that is ready to be changed."""

import keyword
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from cdp_constructs._version import __version__

__all__ = ["init"]

_FILES: Mapping[str, str] = {
    ".github/workflows/review.yml": "review.yml.txt",
    ".gitignore": "gitignore.txt",
    "README.md": "README.md.txt",
    "app.py": "app.py.txt",
    "cdk.json": "cdk.json.txt",
    "pyproject.toml": "pyproject.toml.txt",
    "tests/test_stack.py": "test_stack.py.txt",
    "{package}/stack.py": "stack.py.txt",
}
"""Files of an application, by where they go."""
_DELIVERY: Mapping[str, str] = {
    ".github/workflows/deploy.yml": "deploy.yml.txt",
    ".github/workflows/deploy-region.yml": "deploy-region.yml.txt",
    "deploy_roles.py": "deploy_roles.py.txt",
    "smoke.sh": "smoke.sh.txt",
}
"""Files of its delivery by GitHub Actions."""
_CLI = "2.1148.1"
"""Version of the CDK CLI that applications begin with."""
_REPOSITORY = re.compile(r"[A-Za-z0-9-]{1,39}(@\d+)?/[A-Za-z0-9._-]{1,100}(@\d+)?")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 60
_RESERVED = {"app", "aws_cdk", "cdk_nag", "cdp_constructs", "constructs", "tests"}


def init(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Of the application, and of its folder.")] = "shop",
    *,
    github: Annotated[
        str | None,
        typer.Option(
            "--github", metavar="OWNER/NAME", help="Deliver it by GitHub Actions from this repository, without keys."
        ),
    ] = None,
) -> None:
    """Write a CDK application into a new folder: a stack with one pattern, its tests, and a review of pull requests."""
    package = name.replace("-", "_")
    folder = Path(name)
    if problem := _problem(name, package, folder) or _repository_problem(github):
        typer.echo(f"Error: {problem}", err=True)
        raise typer.Exit(1)
    words = {
        "name": name,
        "package": package,
        "stack": _stack(package),
        "version": _least(),
        "next": _next(),
        "cli": _CLI,
    }
    words["repository"] = github or ""
    for place, source in {**_FILES, **(_DELIVERY if github else {})}.items():
        file = folder / place.format(package=package)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_filled(source, words))
    if github:
        with (folder / "README.md").open("a") as readme:
            readme.write(_filled("delivery.md.txt", words))
    (folder / package / "__init__.py").write_text(f'"""The application {name}."""\n')
    typer.echo(f"{folder}/ is there. Go on with its README.md: install it, and run its tests.")


def _problem(name: str, package: str, folder: Path) -> str | None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        return (
            f"{name!r} is no name for an application; use up to 60 of a-z, 0-9 and single hyphens, such as order-desk"
        )
    if keyword.iskeyword(package) or package in _RESERVED:
        return f"{name!r} is a name that Python or the CDK uses; choose another, such as {name}-desk"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return f"{folder.absolute()} is there and not empty; choose another name, or remove it"
    return None


def _repository_problem(repository: str | None) -> str | None:
    if repository is None or _REPOSITORY.fullmatch(repository):
        return None
    return f"{repository!r} is no repository of GitHub; give owner and name, such as example/order-desk"


def _stack(package: str) -> str:
    return "".join(word.capitalize() for word in package.split("_")) + "Stack"


def _least() -> str:
    major, minor, *_ = __version__.split(".")
    return f"{major}.{minor}"


def _next() -> str:
    """Return the version that may change names: before 1.0 each minor one may."""
    major, minor, *_ = map(int, _least().split("."))
    return f"{major + 1}" if major else f"0.{minor + 1}"


def _filled(source: str, words: Mapping[str, str]) -> str:
    text = resources.files(__package__).joinpath("application", source).read_text()
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
