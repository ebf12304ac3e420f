"""What logs must not hold: every log group of a system, and the embedded cloud's own log, are searched for secrets."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cdp_constructs.local import LocalCloud
from demo.report import expect

__all__ = ["SHAPES", "Leak", "find_leaks", "read_logs", "search_logs", "secret_values", "values_in_table"]

# What looks like a secret is one, whoever it belongs to.
SHAPES = {
    # JSON in base64: tokens, and the policies of forms and cookies.
    "a token or a policy": re.compile(r"\beyJ[\w+/-]{16,}"),
    "a mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "a signed URL": re.compile(r"""(?:Signature|x-amz-security-token)["']?[=:]\s*["']?[\w%~+/-]{24,}""", re.IGNORECASE),
    "a webhook's signature": re.compile(r"\b(?:sha256=[0-9a-f]{64}|v1,[\w+/]{43}=)"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a webhook's secret": re.compile(r"\bwhsec_\w+"),
}
# Bytes of UTF-8: shorter texts stand in logs for other reasons, and random secrets are longer.
_SHORTEST = 8
# Characters by which values are found: no value of so many bytes has fewer.
_START = 2


@dataclass(frozen=True)
class Leak:
    """A secret in a log. It says where and of which kind, and does not repeat the secret."""

    kind: str
    log: str
    line: int

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.kind} in line {self.line} of {self.log}"


def read_logs(cloud: LocalCloud, regions: Iterable[str]) -> dict[str, list[str]]:
    """Return the lines of all log groups of some Regions, and of the embedded cloud's own log, by name.

    The own log of a server that another process started is not known, and left out.
    """
    logs: dict[str, list[str]] = {}
    for region in sorted(set(regions)):
        client = cloud.client("logs", region=region)
        for page in client.get_paginator("describe_log_groups").paginate():
            for group in page["logGroups"]:
                pages = client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
                lines = [event["message"] for found in pages for event in found["events"]]
                logs[f"{region}:{group['logGroupName']}"] = lines
    if cloud.log_file is not None:
        logs["the embedded cloud's own log"] = cloud.log_file.read_text(errors="replace").splitlines()
    return logs


def secret_values(cloud: LocalCloud, regions: Iterable[str]) -> set[str]:
    """Return what Secrets Manager keeps in some Regions: each secret, and the parts of those that are JSON."""
    found: set[str] = set()
    for region in set(regions):
        client = cloud.client("secretsmanager", region=region)
        for page in client.get_paginator("list_secrets").paginate():
            for secret in page["SecretList"]:
                text = str(client.get_secret_value(SecretId=secret["ARN"]).get("SecretString", ""))
                found |= {text, *_parts(text)}
    return found


def _parts(text: str) -> Iterator[str]:
    try:
        document = json.loads(text)
    except ValueError:
        return
    for name, value in document.items() if isinstance(document, dict) else ():
        # Ids and public keys are no secrets, and are logged.
        if isinstance(value, str) and not re.search(r"id$|public", name):
            yield value


def values_in_table(cloud: LocalCloud, region: str, table: str, attributes: Mapping[str, str]) -> dict[str, set[str]]:
    """Return all values of some attributes of a table, by the kind that ``attributes`` gives them."""
    found: dict[str, set[str]] = defaultdict(set)
    for page in cloud.client("dynamodb", region=region).get_paginator("scan").paginate(TableName=table):
        for item in page["Items"]:
            for name, kind in attributes.items():
                if text := item.get(name, {}).get("S"):
                    found[kind].add(text)
    return dict(found)


def find_leaks(logs: Mapping[str, Iterable[str]], secrets: Mapping[str, Iterable[str]]) -> list[Leak]:
    """Return where logs hold something that looks like a secret, or one of these values.

    Args:
        logs: Lines by the name of a log.
        secrets: Values by kind; those of fewer than eight bytes are not looked for.
    """
    by_start: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for kind, values in secrets.items():
        for value in values:
            # As it is, and as JSON has it.
            for written in {value, json.dumps(value)[1:-1]}:
                if len(value.encode()) >= _SHORTEST:
                    by_start[written[:_START]].append((kind, written))
    return [
        Leak(kind, name, number)
        for name, lines in logs.items()
        for number, line in enumerate(lines, start=1)
        for kind in sorted({*_shapes_in(line), *_values_in(line, by_start)})
    ]


def _shapes_in(line: str) -> Iterator[str]:
    return (kind for kind, pattern in SHAPES.items() if pattern.search(line))


def _values_in(line: str, by_start: Mapping[str, list[tuple[str, str]]]) -> Iterator[str]:
    for at in range(len(line) - _START + 1):
        for kind, value in by_start.get(line[at : at + _START], ()):
            if line.startswith(value, at):
                yield kind


def search_logs(cloud: LocalCloud, regions: Iterable[str], secrets: Mapping[str, Iterable[str]], *, least: int) -> str:
    """Search the logs of some Regions, as a step that says what it saw.

    Args:
        cloud: Where the system has run.
        regions: Its Regions.
        secrets: What only this system has, by kind; Secrets Manager's secrets and the root key are added.
        least: Lines that there must be, so that an empty log proves nothing.

    Raises:
        StepFailed: when a log holds a secret, or there are fewer lines.
    """
    regions = sorted(set(regions))
    logs = read_logs(cloud, regions)
    lines = sum(map(len, logs.values()))
    expect(lines >= least, f"{lines:,} lines only, of {len(logs)} logs")
    own = {"a secret": secret_values(cloud, regions), "the root key": {cloud.root.secret_access_key}}
    leaks = find_leaks(logs, {**secrets, **own})
    shown = "; ".join(map(str, leaks[:5]))
    expect(not leaks, f"{len(leaks)} leaks: {shown}")
    return f"{lines:,} lines of {len(logs)} logs in {', '.join(regions)}: none"
