"""Lambda: what runs the workers of functions, which MiniStack starts as processes itself, and each in its sandbox."""

import os
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from cdp_constructs.local.kit.patch import patch_each, replace_attributes
from cdp_constructs.local.kit.refine import before
from cdp_constructs.local.kit.types import Properties
from cdp_constructs.local.runners.forks import ForkRunner
from cdp_constructs.local.runners.processes import ProcessRunner, with_mounts
from cdp_constructs.local.runners.runner import Program, Running
from cdp_constructs.local.services.lambda_ import layers, node, opt, runtime, sandboxes, starts
from cdp_constructs.local.services.lambda_.sandboxes import Sandbox

_SCRIPT = "_worker"
"""What MiniStack calls the script of a worker, in Python or JavaScript."""


def _template_environment() -> dict[str, str]:
    return sandboxes.environment() | sandboxes.libraries()


_processes = ProcessRunner()
_forks = {
    False: ForkRunner(_processes, runtime.interpreter, _template_environment, packages=list),
    True: ForkRunner(_processes, runtime.interpreter, _template_environment, packages=lambda: [runtime.powertools()]),
}
"""By whether the function has the layer of Powertools: what a process has imported, its forks have too."""

_sandbox: ContextVar[Sandbox] = ContextVar("_sandbox")
"""That of the function whose worker is started."""
_config: ContextVar[Mapping[str, Any]] = ContextVar("_config", default=MappingProxyType({}))
"""The configuration of that function."""


@before("AWS::Lambda::Function")
def _prepare(properties: Properties) -> None:
    if str(properties.get("Runtime", "")).startswith("python"):
        sandboxes.users()
        _forks[any(map(runtime.is_powertools, properties.get("Layers") or ()))].prepare()


@patch_each("ministack.core.lambda_runtime:Worker._spawn", "ministack.core.lambda_runtime:ProvidedWorker._spawn")
def _spawn(original: Callable[..., None], worker: Any, *arguments: Any, **options: Any) -> None:
    # arn:aws:lambda:<Region>:<account>:function:<name>[:<version>]
    token = _sandbox.set(sandboxes.sandbox(":".join(worker.config["FunctionArn"].split(":")[:7])))
    config_token = _config.set(worker.config)
    try:
        original(worker, *arguments, **options)
    finally:
        _config.reset(config_token)
        _sandbox.reset(token)


def _start(command: list[str], folder: Path, environment: dict[str, str], sandbox: Sandbox) -> Running:
    sandbox.let_read(Path(command[-1]).parent)
    interpreter, *arguments = command
    mounts = opt.mounts(_config.get(), sandbox)
    if interpreter != sys.executable:
        node.link_sdk(folder, str(_config.get().get("Runtime", "")))
        return _processes.start(Program([runtime.node(), *arguments], folder, environment, sandbox.user, mounts))
    layer_folders = filter(None, environment.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep))
    forks = _forks[any(layers.is_powertools_folder(Path(layer)) for layer in layer_folders)]
    return forks.start(Program([str(runtime.interpreter()), *arguments], folder, environment, sandbox.user, mounts))


def _popen(original: ModuleType) -> Callable[..., Any]:
    def popen(command: list[str], **options: Any) -> Any:
        """Start a worker, or the program of a function that brings its runtime."""
        start = starts.changed()
        own = _sandbox.get(None) or sandboxes.sandbox("durable functions")
        sandbox = start.sandbox if start else own
        environment = {**sandbox.variables, **options.pop("env")}
        if start:
            environment |= start.variables(environment)
        if Path(command[-1]).stem == _SCRIPT:
            return _start(command, Path(options["cwd"]), environment, sandbox)
        options = {"stdin": original.DEVNULL} | options
        if mounts := opt.mounts(_config.get(), sandbox):
            program = Program(command, Path("/"), environment, sandbox.user, mounts)
            return original.Popen(with_mounts(program), **options)
        return original.Popen(command, env=environment, **options, **sandbox.process_options)

    return popen


@replace_attributes("ministack.core.lambda_runtime:subprocess")
def _subprocess_of_workers(original: ModuleType) -> dict[str, Any]:
    return {"Popen": _popen(original)}


@replace_attributes("ministack.services.lambda_svc:subprocess")
def _subprocess_of_functions(original: ModuleType) -> dict[str, Any]:
    return {"Popen": _popen(original)}


@replace_attributes("ministack.core.lambda_runtime:os")
def _environment_of_workers(_original: ModuleType) -> dict[str, Any]:
    return {"environ": sandboxes.environment()}


@replace_attributes("ministack.services.lambda_svc:os")
def _environment_of_functions(_original: ModuleType) -> dict[str, Any]:
    return {"environ": sandboxes.environment()}
