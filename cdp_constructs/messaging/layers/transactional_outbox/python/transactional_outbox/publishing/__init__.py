"""Publishes what a table's stream says to a topic of SNS, with as few requests as SNS allows.

Needs the module ``correlation``.

    outcome = topic.publish(Entry(position, message, attributes) for position, record in …)
    return answer([record["dynamodb"]["SequenceNumber"] for record in records], outcome.failed)

Lambda delivers a batch of a stream again from the first record that failed, so what follows it is published twice:
consumers must be idempotent.
"""

from .batches import FirstRecordFailedError, answer
from .topic import Entry, Outcome, Topic

__all__ = ["Entry", "FirstRecordFailedError", "Outcome", "Topic", "answer"]
