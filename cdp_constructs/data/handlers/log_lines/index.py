"""Makes JSON lines of what subscription filters of CloudWatch Logs put into a delivery stream of Firehose.

A record has the events of one log stream. What it becomes is compressed, as Firehose passes it on and S3 keeps it, so
that an answer is no larger than what was asked. A record that cannot be read fails alone: Firehose puts it below the
error prefix.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

import base64
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from .environment import Environment
from .lines import UnreadableRecordError, lines_of

logger = Logger()
metrics = Metrics()
metrics.set_default_dimensions(function_name=Environment.read().function_name)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Make lines of a batch of records."""
    del context
    answers = [transformed(record) for record in event["records"]]
    results = [answer["result"] for answer in answers]
    rejected = results.count("ProcessingFailed")
    logger.debug("Made lines", records=len(results), rejected=rejected)
    if rejected:
        metrics.add_metric(name="RejectedRecords", unit=MetricUnit.Count, value=rejected)
    return {"records": answers}


def transformed(record: dict[str, Any]) -> dict[str, Any]:
    """Return what Firehose does with a record."""
    answer = {"recordId": record["recordId"], "data": record["data"]}
    try:
        found = lines_of(base64.b64decode(record["data"]))
    except (UnreadableRecordError, ValueError) as error:
        logger.warning("A record cannot be read", record_id=record["recordId"], reason=str(error)[:500])
        return {**answer, "result": "ProcessingFailed"}
    if found is None:
        return {**answer, "result": "Dropped"}
    service, compressed = found
    return {
        **answer,
        "result": "Ok",
        "data": base64.b64encode(compressed).decode(),
        "metadata": {"partitionKeys": {"service": service}},
    }
