"""What the function needs to know, read once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Where to publish."""

    http_domain: str
    """Host of the API, which requests are signed for."""
    region: str
    endpoint: str
    """Where requests go: to the API, or to the endpoint that the SDKs' own setting names."""

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        domain = os.environ["HTTP_DOMAIN"]
        endpoint = os.environ.get("AWS_ENDPOINT_URL", f"https://{domain}")
        return cls(http_domain=domain, region=os.environ["AWS_REGION"], endpoint=endpoint)
