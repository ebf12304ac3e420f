"""What is known of the classes of instances that Aurora PostgreSQL runs on: their memory, and what follows from it."""

import re

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdp_constructs.core.validation import InvalidOptionError

__all__ = ["memory_gib", "most_connections"]

_SOURCE = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Concepts.DBInstanceClass.Summary.html"
_BURSTABLE = {"medium": 4, "large": 8}
_MEMORY_OPTIMISED = {"large": 16, "xlarge": 32} | {f"{times}xlarge": 32 * times for times in (2, 4, 8, 12, 16, 24)}
# LEAST({DBInstanceClassMemory/9531392}, 5000), the default of the parameter max_connections:
# https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Managing.html
_BYTES_PER_CONNECTION = 9_531_392
_MOST_CONNECTIONS = 5_000


def memory_gib(construct: Construct, instance_type: ec2.InstanceType) -> int:
    """Return the memory of an instance, in GiB.

    Raises:
        InvalidOptionError: when Aurora PostgreSQL has no such class.
    """
    name = instance_type.to_string()
    family, _, size = name.partition(".")
    sizes = _BURSTABLE if re.fullmatch(r"t[34]g?", family) else _MEMORY_OPTIMISED
    if not re.fullmatch(r"t3|t4g|r[5-9][a-z]*", family) or size not in sizes:
        fix = f"Use t3 or t4g in medium or large, or a class of the r families from large to 24xlarge ({_SOURCE})"
        raise InvalidOptionError(construct, "instance_type", f"is {name!r}", fix)
    return sizes[size]


def most_connections(memory: int) -> int:
    """Return how many connections an instance takes by default.

    Args:
        memory: Its memory in GiB.
    """
    return min(_MOST_CONNECTIONS, memory * 1024**3 // _BYTES_PER_CONNECTION)
