"""CloudFront: what its API says of the origins of a distribution that MiniStack leaves out."""

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

from cdp_constructs.local.kit import ministack
from cdp_constructs.local.kit.patch import patch

_cloudfront: Any = ministack.module("services.cloudfront", "_find")

_DEFAULTS = {"HTTPPort": "80", "HTTPSPort": "443", "OriginReadTimeout": "30", "OriginKeepaliveTimeout": "5"}
"""https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CustomOriginConfig.html"""


@patch("ministack.services.cloudfront:_ensure_distribution_config_sdk_compat")
def _complete(original: Callable[[Any], None], configuration: Any) -> None:
    original(configuration)
    origins = _cloudfront._find(configuration, "Origins") if configuration is not None else None
    items = _cloudfront._find(origins, "Items") if origins is not None else None
    for origin in items if items is not None else ():
        custom = _cloudfront._find(origin, "CustomOriginConfig")
        for name, value in _DEFAULTS.items() if custom is not None else ():
            if _cloudfront._find(custom, name) is None:
                ET.SubElement(custom, name).text = value
