"""The embedded cloud: deploys a synthesised cloud assembly to MiniStack on this machine (extra `[local-client]`).

```python
with LocalCloud.start() as cloud:
    deployment = cloud.deploy("cdk.out")
    cloud.client("sqs").send_message(QueueUrl=deployment.outputs["Chat"]["QueueUrl"], MessageBody="hello")
```
"""

import importlib
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdp_constructs.local.clients.devices import MqttEndpoint
    from cdp_constructs.local.cloud import LocalCloud
    from cdp_constructs.local.deployment.deployer import Deployment, NotExecuted
    from cdp_constructs.local.errors import DeploymentError, FailedEvent, InstallError, LocalCloudError, StartError

__all__ = [
    "Deployment",
    "DeploymentError",
    "FailedEvent",
    "InstallError",
    "LocalCloud",
    "LocalCloudError",
    "MqttEndpoint",
    "NotExecuted",
    "StartError",
]

_MODULES = {
    "Deployment": "deployment.deployer",
    "DeploymentError": "errors",
    "FailedEvent": "errors",
    "InstallError": "errors",
    "LocalCloud": "cloud",
    "LocalCloudError": "errors",
    "MqttEndpoint": "clients.devices",
    "NotExecuted": "deployment.deployer",
    "StartError": "errors",
}


_OLDEST_BOTO3 = (1, 35, 60)
"""The lower bound of the extra `[local-client]`."""


def _require_boto3() -> None:
    version = metadata.version("boto3")
    if tuple(map(int, version.split(".")[:3])) < _OLDEST_BOTO3:
        raise ImportError(
            f"the embedded cloud needs boto3 {'.'.join(map(str, _OLDEST_BOTO3))} or newer and found {version}: "
            "pip install 'cdp-constructs[local-client]'"
        )


def __getattr__(name: str) -> object:
    # The server's processes import this package on their way, and use none of it.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("cdp_constructs"):
            raise
        raise ModuleNotFoundError(
            f"the embedded cloud needs the package {error.name}: pip install 'cdp-constructs[local-client]'",
            name=error.name,
        ) from error
    if name == "LocalCloud":
        _require_boto3()
    return getattr(module, name)
