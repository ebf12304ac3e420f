"""Lambda: what runs the workers of functions, which MiniStack starts as processes itself."""

import os
import sys
from dataclasses import replace as replaced
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from cdp_constructs.local.kit.patch import replace
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties
from cdp_constructs.local.runners.forks import ForkRunner
from cdp_constructs.local.runners.processes import ProcessRunner
from cdp_constructs.local.runners.runner import Program, Running
from cdp_constructs.local.services.lambda_ import layers, runtime

_SCRIPT = "_worker"
"""What MiniStack calls the script of a worker, in Python or JavaScript."""

_processes = ProcessRunner()
_forks = {
    False: ForkRunner(_processes, runtime.interpreter, packages=list),
    True: ForkRunner(_processes, runtime.interpreter, packages=lambda: [runtime.powertools()]),
}
"""By whether the function has the layer of Powertools: what a process has imported, its forks have too."""


@before("AWS::Lambda::Function")
def _prepare(properties: Properties) -> None:
    if str(properties.get("Runtime", "")).startswith("python"):
        _forks[any(map(runtime.is_powertools, properties.get("Layers") or ()))].prepare()


def _start(program: Program) -> Running:
    interpreter, *arguments = program.command
    if interpreter != sys.executable:  # Node
        return _processes.start(program)
    folders = filter(None, program.environment.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep))
    forks = _forks[any(layers.is_powertools_folder(Path(folder)) for folder in folders)]
    command = [str(runtime.interpreter()), *arguments]
    return forks.start(replaced(program, command=command))


@replace("ministack.core.lambda_runtime:subprocess")
def _subprocess(original: ModuleType) -> SimpleNamespace:
    def popen(command: list[str], **options: Any) -> Any:
        if Path(command[-1]).stem == _SCRIPT:
            return _start(Program(command, Path(options["cwd"]), options["env"]))
        return original.Popen(command, **options)

    return SimpleNamespace(**vars(original) | {"Popen": popen})
