"""Glue: workflows and security configurations; the scripts of jobs run in a sandbox, as functions do."""

from types import ModuleType
from typing import Any

from cdp_constructs.local.kit.patch import replace_attributes
from cdp_constructs.local.kit.sdk import Api, resource_type
from cdp_constructs.local.kit.types import ResourceType
from cdp_constructs.local.services.lambda_ import runtime, sandboxes

__all__ = ["RESOURCE_TYPES"]

RESOURCE_TYPES: tuple[ResourceType, ...] = (
    resource_type(
        "AWS::Glue::Workflow",
        Api(
            service="glue",
            create="create_workflow",
            update="update_workflow",
            delete="delete_workflow",
            ref="Properties.Name",
            key={"Name": "Id"},
            named="Name",
        ),
    ),
    resource_type(
        "AWS::Glue::SecurityConfiguration",
        Api(
            service="glue",
            create="create_security_configuration",
            delete="delete_security_configuration",
            ref="Properties.Name",
            key={"Name": "Id"},
        ),
    ),
)


@replace_attributes("ministack.services.glue:subprocess")
def _subprocess_of_jobs(original: ModuleType) -> dict[str, Any]:
    def run(command: list[str], *, env: dict[str, str], **options: Any) -> Any:
        sandbox = sandboxes.sandbox("glue")
        script = command[-1]
        return original.run(
            [str(runtime.interpreter()), script],
            stdin=original.DEVNULL,
            cwd=sandbox.home,
            env={**sandbox.variables, **env},
            **options,
            **sandbox.process_options,
        )

    return {"run": run}


@replace_attributes("ministack.services.glue:os")
def _environment_of_jobs(_original: ModuleType) -> dict[str, Any]:
    return {"environ": sandboxes.environment()}
