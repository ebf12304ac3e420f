"""Lambda: what runs the workers of functions, which MiniStack starts as processes itself."""

from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from cdp_constructs.local.kit.patch import replace
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties
from cdp_constructs.local.runners.forks import ForkRunner
from cdp_constructs.local.runners.processes import ProcessRunner
from cdp_constructs.local.runners.runner import Program

_SCRIPT = "_worker"
"""What MiniStack calls the script of a worker, in Python or JavaScript."""

_runner = ForkRunner(otherwise=ProcessRunner())


@before("AWS::Lambda::Function")
def _prepare(_properties: Properties) -> None:
    _runner.prepare()


@replace("ministack.core.lambda_runtime:subprocess")
def _processes(original: ModuleType) -> SimpleNamespace:
    def popen(command: list[str], **options: Any) -> Any:
        if Path(command[-1]).stem == _SCRIPT:
            return _runner.start(Program(command, Path(options["cwd"]), options["env"]))
        return original.Popen(command, **options)

    return SimpleNamespace(**vars(original) | {"Popen": popen})
