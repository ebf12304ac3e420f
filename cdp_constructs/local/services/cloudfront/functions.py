"""CloudFront: the stage of a function, which templates may ask for."""

from cdp_constructs.local.kit.refine import after
from cdp_constructs.local.kit.types import Attributes, Properties


@after("AWS::CloudFront::Function")
def _complete(_name: str, properties: Properties, attributes: Attributes) -> None:
    published = str(properties.get("AutoPublish", "false")).lower() == "true"
    attributes["Stage"] = "LIVE" if published else "DEVELOPMENT"
