"""Where the code of functions and layers is, and what goes into their assets."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

_LIBRARY = Path(__file__).parent.parent


def handler_folder(name: str) -> Path:
    """Return the folder of a handler of this library: ``upload/form`` is ``cdp_constructs/upload/handlers/form``."""
    family, _, folder = name.partition("/")
    return _LIBRARY / family / "handlers" / folder


def handler_code(folder: Path, *, shares: Sequence[str] = ()) -> lambda_.AssetCode:
    """Return a handler's folder as a package inside its parent's, so that it imports its own files relatively.

    In Lambda its modules have the name that they have here, less what stands above the parent folder. So no tool needs
    a search path, and files of two handlers may have one name.

    Args:
        folder: ``…/handlers/form`` becomes ``handlers/form`` in the asset; the function's handler is then
            ``handlers.form.index.handler``.
        shares: Folders beside it that belong to the asset too.
    """
    parent = folder.parent
    kept = [f"!/{parent.name}/{name}" for name in (folder.name, *shares)]
    return lambda_.Code.from_asset(
        str(parent.parent),
        exclude=["/*", f"!/{parent.name}", f"/{parent.name}/*", *kept, "__pycache__", "*.pyc"],
        ignore_mode=IgnoreMode.GIT,
    )


def layer_folder(name: str) -> Path:
    """Return the folder of a layer of this library: ``messaging/notices`` is ``…/messaging/layers/notices``."""
    family, _, folder = name.partition("/")
    return _LIBRARY / family / "layers" / folder


def module_folder(name: str) -> Path:
    """Return the folder of a module that run-time code imports: ``compute/queue_worker`` is the module itself."""
    return layer_folder(name) / "python" / name.rpartition("/")[2]
