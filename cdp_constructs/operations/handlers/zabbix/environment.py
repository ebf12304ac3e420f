"""What the function needs to know, read once."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Environment:
    """Where Zabbix is, which of its hosts the alarms are of, and the topic that the alarms notify."""

    function_name: str
    address: str
    port: int
    host: str
    topic_arn: str

    @classmethod
    def read(cls) -> "Environment":
        """Read the environment variables."""
        name, address, port, host, topic = (
            os.environ[variable]
            for variable in ("AWS_LAMBDA_FUNCTION_NAME", "ZABBIX_ADDRESS", "ZABBIX_PORT", "ZABBIX_HOST", "TOPIC_ARN")
        )
        return cls(name, address, int(port), host, topic)
