"""AWS's public parameters that name machine images, in every Region: templates that look one up deploy.

The image has no content, because no machine runs; its id is the same for the same name.
"""

import hashlib
import re
from typing import Any

from cdp_constructs.local.kit import ministack

__all__ = ["PRIVATE_NAMES", "install"]

PRIVATE_NAMES = ("ministack.services.ssm:_public_parameter",)

_ssm: Any = ministack.module("services.ssm")

_NAME = re.compile(
    r"/aws/service/(ami-|ecs/optimized-ami|eks/optimized-ami|bottlerocket|canonical|debian|suse|marketplace).*"
)


def _parameter(name: str) -> dict[str, Any] | None:
    if not _NAME.fullmatch(name):
        return None
    return {
        "Name": name,
        "Type": "String",
        "DataType": "aws:ec2:image",
        "Value": f"ami-{hashlib.sha256(name.encode()).hexdigest()[:17]}",
        "Version": 1,
        "LastModifiedDate": 1_735_689_600,
        "ARN": f"arn:aws:ssm:{_ssm.get_region()}::parameter{name}",
    }


def install() -> None:
    """Answer the public parameters after those that MiniStack answers itself."""
    public_parameter = _ssm._public_parameter
    _ssm._public_parameter = lambda name: public_parameter(name) or _parameter(name)
