"""ECS: ECS Exec is refused, because containers have no SSM Agent here that could open a session.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommand.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from cdp_constructs.local.kit.patch import patch
from cdp_constructs.local.kit.refusals import refused

_ERROR = 400


@patch("ministack.services.ecs:_ACTION_MAP[ExecuteCommand]")
def _execute(original: Callable[[Any], Any], data: Mapping[str, Any]) -> Any:
    answer = original(data)
    if answer[0] >= _ERROR:
        return answer
    message = (
        "The execute command failed because the embedded cloud has no SSM Agent in containers: they are processes of "
        "this machine, or of Docker, where `docker exec` opens a shell, with `--containers docker`."
    )
    return refused("ecs", "TargetNotConnectedException", message, _ERROR, {})
