"""AWS's public parameters of the Powertools for AWS Lambda layer, in every Region.

`AWS::SSM::Parameter::Value<String>` parameters of a template resolve to the ARN of a layer that the embedded cloud
accepts and leaves empty: the package itself comes from the environment that runs the functions.
"""

import re
from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_ssm: Any = ministack.module("services.ssm", "get_region")

_PUBLISHER = "017000801446"
"""Account of AWS that publishes the layer in the commercial Regions."""
_LATEST_LAYER_VERSION = 30
"""Stands for the newest layer version; the embedded cloud does not look inside."""
_NAME = re.compile(
    r"/aws/service/powertools/python/(?P<architecture>arm64|x86_64)/python(?P<python>3\.1[0-4])"
    r"/(?P<version>latest|\d+\.\d+\.\d+)"
)
_PUBLISHED_AT = 1_735_689_600


def _layer_arn(region: str, architecture: str, python: str) -> str:
    layer = f"AWSLambdaPowertoolsPythonV3-python{python.replace('.', '')}-{architecture}"
    return f"arn:aws:lambda:{region}:{_PUBLISHER}:layer:{layer}:{_LATEST_LAYER_VERSION}"


def _parameter(name: str) -> dict[str, Any] | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    region = _ssm.get_region()
    return {
        "Name": name,
        "Type": "String",
        "DataType": "text",
        "Value": _layer_arn(region, match["architecture"], match["python"]),
        "Version": 1,
        "LastModifiedDate": _PUBLISHED_AT,
        "ARN": f"arn:aws:ssm:{region}::parameter{name}",
    }


@patch("ministack.services.ssm:_public_parameter")
def _public_parameter(original: Callable[[str], dict[str, Any] | None], name: str) -> dict[str, Any] | None:
    return _parameter(name) or original(name)
