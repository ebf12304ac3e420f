"""The embedded cloud: deploys a synthesised cloud assembly to MiniStack on this machine (extra `[local]`).

```python
with LocalCloud.start() as cloud:
    deployment = cloud.deploy("cdk.out")
    cloud.client("sqs").send_message(QueueUrl=deployment.outputs["Chat"]["QueueUrl"], MessageBody="hello")
```
"""

try:
    from cdp_constructs.local.cloud import LocalCloud
    from cdp_constructs.local.deployer import Deployment, NotExecuted
    from cdp_constructs.local.errors import DeploymentError, FailedEvent, LocalCloudError, StartError
except ModuleNotFoundError as error:
    if (error.name or "").startswith("cdp_constructs"):
        raise
    raise ModuleNotFoundError(
        f"the embedded cloud needs the package {error.name}: pip install 'cdp-constructs[local]'", name=error.name
    ) from error

__all__ = [
    "Deployment",
    "DeploymentError",
    "FailedEvent",
    "LocalCloud",
    "LocalCloudError",
    "NotExecuted",
    "StartError",
]
