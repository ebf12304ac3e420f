"""What the function needs to know, read once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Where subscriptions are kept, and where connections are posted to."""

    table_name: str
    endpoint: str
    """The stage; with the SDKs' own setting of another endpoint, its path there."""

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        base, stage_url = os.environ.get("AWS_ENDPOINT_URL"), os.environ["CALLBACK_URL"]
        if base is None:
            return cls(os.environ["TABLE_NAME"], stage_url)
        host, _, stage = stage_url.removeprefix("https://").partition("/")
        return cls(os.environ["TABLE_NAME"], f"{base}/_aws/execute-api/{host.partition('.')[0]}/{stage}")
