"""New versions of a board: its assembly with another task definition, as a pipeline would deploy it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cdp_constructs.local import DeploymentError, LocalCloud

__all__ = ["Releases", "broken", "renamed"]


def renamed(container: dict[str, Any]) -> None:
    """Make a version that differs in a variable."""
    container["Environment"] = [*container.get("Environment", []), {"Name": "CHAT_VERSION", "Value": "second"}]


def broken(container: dict[str, Any]) -> None:
    """Make a version that ends as soon as it starts."""
    container["Command"] = ["python", "-c", "raise SystemExit('this version does not start')"]


class Releases:
    """Deploys versions of a board's servers.

    Args:
        cloud: The embedded cloud.
        assembly: The board as it was deployed first.
        stack: Its stack.
    """

    def __init__(self, cloud: LocalCloud, assembly: Path, stack: str) -> None:
        self._cloud, self._assembly, self._stack = cloud, assembly, stack
        self._made = 0

    def deploy(self, change: Callable[[dict[str, Any]], None]) -> str | None:
        """Deploy a version, and return why it was rolled back; None when it is there.

        Args:
            change: Changes the container that has a port.
        """
        self._made += 1
        folder = self._assembly.with_name(f"{self._assembly.name}-{self._made}")
        shutil.copytree(self._assembly, folder, symlinks=True)
        file = folder / f"{self._stack}.template.json"
        template = json.loads(file.read_text())
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::ECS::TaskDefinition":
                for container in resource["Properties"]["ContainerDefinitions"]:
                    if container.get("PortMappings"):
                        change(container)
        file.write_text(json.dumps(template))
        try:
            self._cloud.deploy(folder, stacks=[self._stack])
        except DeploymentError as error:
            return str(error)
        finally:
            shutil.rmtree(folder)
        return None
