"""S3: the names of the rules in a bucket's notification configuration, which S3 returns as `Prefix` and `Suffix`."""

from collections.abc import Callable
from typing import Any

from cdp_constructs.local.kit.patch import patch


@patch("ministack.services.s3:_notification_configs_to_xml")
def _capitalise(original: Callable[..., str], *arguments: Any) -> str:
    written = original(*arguments)
    for name in ("prefix", "suffix"):
        written = written.replace(f"<Name>{name}</Name>", f"<Name>{name.capitalize()}</Name>")
    return written
