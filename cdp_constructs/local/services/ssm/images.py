"""AWS's public parameters that name machine images, in every Region: templates that look one up deploy.

The image has no content, because no machine runs; its id is the same for the same name.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

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


@patch("ministack.services.ssm:_public_parameter")
def _public_parameter(original: Callable[[str], dict[str, Any] | None], name: str) -> dict[str, Any] | None:
    return original(name) or _parameter(name)
