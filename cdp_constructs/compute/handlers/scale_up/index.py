"""Changes the size of a service's tasks, or the capacity of an Aurora cluster, to what a schedule or an alarm says.

The event is what the template gives a schedule or a rule: ``task_definition``, or ``min_capacity`` and
``max_capacity``. The same again changes nothing. Environment: ``CLUSTER`` and ``SERVICE``, or ``DATABASE``.
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from pydantic import BaseModel, ConfigDict

logger = Logger()


class Strict(BaseModel):
    """An event without anything else in it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Tasks(Strict):
    """The size of tasks, by the task definition that has it."""

    task_definition: str


class Capacity(Strict):
    """The capacity of a database."""

    min_capacity: float
    max_capacity: float


def handler(event: dict[str, Any], _context: object) -> None:
    """Change the size; what fails is retried by Lambda, and then sent to the dead-letter queue."""
    logger.info("changing the size", wanted=event)
    if "SERVICE" in os.environ:
        tasks = Tasks.model_validate(event)
        boto3.client("ecs").update_service(
            cluster=os.environ["CLUSTER"], service=os.environ["SERVICE"], taskDefinition=tasks.task_definition
        )
        return
    capacity = Capacity.model_validate(event)
    boto3.client("rds").modify_db_cluster(
        DBClusterIdentifier=os.environ["DATABASE"],
        ServerlessV2ScalingConfiguration={"MinCapacity": capacity.min_capacity, "MaxCapacity": capacity.max_capacity},
    )
