"""The web client on the embedded cloud: its name, and how a browser here finds everything."""

import json
from urllib.parse import urlsplit

from cdp_constructs.local import Deployment, LocalCloud

DOMAIN = "chat.example.com"
"""The web client's name in the configuration as it comes."""


def open_site(cloud: LocalCloud, deployment: Deployment) -> str:
    """Let browsers on this machine use a deployed site, and return its address, without a slash at its end.

    The page finds the APIs, Cognito and the live channels under their names on AWS, which do not resolve here. So its
    configuration is told that ``https://<host>`` is ``http://<host>.localhost:<port>``; a browser resolves that.
    """
    [url] = [out["WebUrl"] for out in deployment.outputs.values() if "WebUrl" in out]
    for stack, resources in deployment.resources.items():
        prefixes = ("WebBucket", "Bucket") if "Web" in stack else ()
        for logical_id, bucket in resources.items():
            if logical_id[:-8] in prefixes:
                _point_here(cloud, deployment.regions[stack], bucket)
    return cloud.browser_url(url).rstrip("/")


def _point_here(cloud: LocalCloud, region: str, bucket: str) -> None:
    s3 = cloud.client("s3", region=region)
    configuration = json.loads(s3.get_object(Bucket=bucket, Key="config.json")["Body"].read())
    configuration["local"] = f"localhost:{urlsplit(cloud.endpoint).port}"
    s3.put_object(
        Bucket=bucket,
        Key="config.json",
        Body=json.dumps(configuration).encode(),
        ContentType="application/json",
        CacheControl="no-cache",
    )
