"""Where data rests, under which key, for how long, and what happens to it when it leaves the template."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cdp_constructs.review.templates import Resource, Template
from cdp_constructs.review.values import Values, counted, duration, listed

__all__ = ["STATEFUL", "Store", "stores"]

_NOBODY = "AWS's own key"
_DEFAULT_QUEUE_RETENTION = 345_600


@dataclass(frozen=True, order=True)
class Store:
    """Something that keeps data.

    Attributes:
        kind: What it is.
        key: What encrypts it.
        keeps: How long, and what protects it.
        leaves: What happens to it when it leaves the template, or is replaced.
        name: Its name.
    """

    kind: str
    key: str
    keeps: str
    leaves: str
    name: str


def stores(template: Template) -> list[str]:
    """Return a line for each kind of store with the same key, retention and end, with the names of all that are so."""
    values = Values(template)
    alike: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for resource in template.resources.values():
        if resource.type in STATEFUL:
            one = store(resource, values)
            alike[one.kind, one.key, one.keeps, one.leaves].append(one.name)
    lines = []
    for (kind, key, keeps, leaves), names in sorted(alike.items()):
        what = f"{kind} {names[0]}" if len(names) == 1 else f"{len(names)} {kind}s ({listed(sorted(names))})"
        lines.append(", ".join(part for part in (what, f"under {key}" if key else "", keeps, leaves) if part))
    return lines


def store(resource: Resource, values: Values) -> Store:
    """Return what a card says of a resource of one of the kinds that keep data."""
    kind, key, keeps = STATEFUL[resource.type]
    return Store(kind, key(resource, values), keeps(resource, values), _leaves(resource), resource.name)


def _leaves(resource: Resource) -> str:
    """Say what becomes of it; what is kept without a policy that says so is deleted."""
    words = {
        "Delete": "not retained",
        "Retain": "retained",
        "RetainExceptOnCreate": "retained",
        "Snapshot": "retained as a snapshot",
    }
    deletion = words.get(resource.on_deletion, resource.on_deletion)
    replacement = words.get(resource.on_replacement, resource.on_replacement)
    if deletion == replacement:
        return f"{deletion} on deletion and replacement"
    return f"{deletion} on deletion, {replacement} on replacement"


def _property(path: str, otherwise: str = _NOBODY) -> Callable[[Resource, Values], str]:
    return lambda resource, values: values.text(resource.get(path)) or otherwise


def _none(resource: Resource, values: Values) -> str:
    del resource, values
    return ""


def _bucket_key(resource: Resource, values: Values) -> str:
    for rule in resource.items("BucketEncryption.ServerSideEncryptionConfiguration"):
        settings = rule.get("ServerSideEncryptionByDefault", {})
        if settings.get("KMSMasterKeyID"):
            return values.text(settings["KMSMasterKeyID"])
        if settings.get("SSEAlgorithm") == "aws:kms":
            return "AWS's KMS key"
    return "S3's own key"


def _bucket_keeps(resource: Resource, values: Values) -> str:
    said = ["versions kept"] if resource.get("VersioningConfiguration.Status") == "Enabled" else ["no versions"]
    for rule in resource.items("LifecycleConfiguration.Rules"):
        if rule.get("Status") != "Enabled":
            continue
        about = values.text(rule.get("Prefix")) or ("tagged objects" if rule.get("TagFilters") else "all")
        if date := rule.get("ExpirationDate"):
            said.append(f"{about} until {values.text(date)}")
        if days := rule.get("ExpirationInDays"):
            said.append(f"{about} {counted(days, 'day')}")
        if days := rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"):
            said.append(f"old versions of {about} {counted(days, 'day')}")
    if mode := resource.get("ObjectLockConfiguration.Rule.DefaultRetention.Mode"):
        lock = resource.get("ObjectLockConfiguration.Rule.DefaultRetention", {})
        length = [f"{lock[unit]} {unit.lower()}" for unit in ("Days", "Years") if unit in lock]
        said.append(f"locked ({', '.join([values.text(mode), *length])})")
    return "; ".join(said)


def _queue_key(resource: Resource, values: Values) -> str:
    if key := values.text(resource.get("KmsMasterKeyId")):
        return key
    return "no key" if resource.get("SqsManagedSseEnabled") is False else "SQS's own key"


def _table_key(resource: Resource, values: Values) -> str:
    settings = resource.get("SSESpecification", {})
    if not settings.get("SSEEnabled"):
        return "DynamoDB's own key"
    replicas = [one.get("SSESpecification", {}).get("KMSMasterKeyId") for one in resource.items("Replicas")]
    return listed([values.text(one) for one in [settings.get("KMSMasterKeyId"), *replicas] if one]) or "AWS's KMS key"


def _table_keeps(resource: Resource, values: Values) -> str:
    said = []
    replicas = resource.items("Replicas")
    if len(replicas) > 1:
        said.append(f"in {listed(values.texts([one.get('Region') for one in replicas]))}")
    parts = replicas or [resource.properties]
    recovery = [
        one.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is True for one in parts
    ]
    lengths = {one.get("PointInTimeRecoverySpecification", {}).get("RecoveryPeriodInDays") for one in parts} - {None}
    length = f" of {values.text(min(lengths, key=str))} days" if lengths else ""
    said.append(f"point-in-time recovery{length}" if all(recovery) else "no point-in-time recovery")
    if not all(one.get("DeletionProtectionEnabled") is True for one in parts):
        said.append("no deletion protection")
    if resource.get("TimeToLiveSpecification.Enabled") is True:
        said.append(f"items until {values.text(resource.get('TimeToLiveSpecification.AttributeName'))}")
    return "; ".join(said)


def _database_keeps(resource: Resource, values: Values) -> str:
    said = [f"backups {values.text(resource.get('BackupRetentionPeriod', 1))} days"]
    if resource.get("DeletionProtection") is not True:
        said.append("no deletion protection")
    if resource.get("StorageEncrypted") is not True and not resource.get("SnapshotIdentifier"):
        said.append("not encrypted")
    return "; ".join(said)


def _log_keeps(resource: Resource, values: Values) -> str:
    days = resource.get("RetentionInDays")
    return f"{values.text(days)} days" if days else "for ever"


STATEFUL: Mapping[str, tuple[str, Callable[[Resource, Values], str], Callable[[Resource, Values], str]]] = {
    "AWS::Backup::BackupVault": ("backup vault", _property("EncryptionKeyArn"), _none),
    "AWS::Cassandra::Table": ("table", _none, _none),
    "AWS::Cognito::IdentityPool": ("identity pool", _none, _none),
    "AWS::Cognito::UserPool": (
        "user pool",
        _none,
        lambda resource, _: "" if resource.get("DeletionProtection") == "ACTIVE" else "no deletion protection",
    ),
    "AWS::DSQL::Cluster": ("database cluster", _none, _none),
    "AWS::DocDB::DBCluster": ("database cluster", _property("KmsKeyId"), _database_keeps),
    "AWS::DynamoDB::GlobalTable": ("table", _table_key, _table_keeps),
    "AWS::DynamoDB::Table": ("table", _table_key, _table_keeps),
    "AWS::EC2::Volume": ("volume", _property("KmsKeyId"), _none),
    "AWS::ECR::Repository": ("image repository", _property("EncryptionConfiguration.KmsKey"), _none),
    "AWS::EFS::FileSystem": (
        "file system",
        lambda resource, values: (
            values.text(resource.get("KmsKeyId")) or (_NOBODY if resource.get("Encrypted") is True else "no key")
        ),
        lambda resource, values: f"backups {values.text(resource.get('BackupPolicy.Status', 'DISABLED')).lower()}",
    ),
    "AWS::ElastiCache::ReplicationGroup": (
        "cache",
        lambda resource, values: (
            values.text(resource.get("KmsKeyId"))
            or (_NOBODY if resource.get("AtRestEncryptionEnabled") is True else "no key")
        ),
        lambda resource, values: f"snapshots {values.text(resource.get('SnapshotRetentionLimit', 0))} days",
    ),
    "AWS::ElastiCache::ServerlessCache": ("cache", _property("KmsKeyId"), _none),
    "AWS::Elasticsearch::Domain": ("search domain", _property("EncryptionAtRestOptions.KmsKeyId"), _none),
    "AWS::FSx::FileSystem": ("file system", _property("KmsKeyId"), _none),
    "AWS::KMS::Key": (
        "key",
        _none,
        lambda resource, values: (
            ("not enabled; " if resource.get("Enabled") is False else "")
            + ("rotated" if resource.get("EnableKeyRotation") is True else "not rotated")
            + f"; waits {values.text(resource.get('PendingWindowInDays', 30))} days when deleted"
        ),
    ),
    "AWS::Kinesis::Stream": (
        "stream",
        _property("StreamEncryption.KeyId", "no key"),
        lambda resource, values: (
            duration(hours * 3600)
            if isinstance(hours := resource.get("RetentionPeriodHours", 24), int)
            else f"{values.text(hours)} hours"
        ),
    ),
    "AWS::Logs::LogGroup": ("log group", _property("KmsKeyId", "CloudWatch's own key"), _log_keeps),
    "AWS::MSK::Cluster": ("stream", _none, _none),
    "AWS::MemoryDB::Cluster": ("database cluster", _property("KmsKeyId"), _none),
    "AWS::Neptune::DBCluster": ("database cluster", _property("KmsKeyId"), _database_keeps),
    "AWS::OpenSearchService::Domain": ("search domain", _property("EncryptionAtRestOptions.KmsKeyId"), _none),
    "AWS::RDS::DBCluster": ("database cluster", _property("KmsKeyId"), _database_keeps),
    "AWS::RDS::DBInstance": (
        "database instance",
        lambda resource, values: (
            "" if resource.get("DBClusterIdentifier") else values.text(resource.get("KmsKeyId")) or _NOBODY
        ),
        lambda resource, values: (
            "of its cluster" if resource.get("DBClusterIdentifier") else _database_keeps(resource, values)
        ),
    ),
    "AWS::RDS::GlobalCluster": (
        "global database",
        _none,
        lambda resource, _: "" if resource.get("DeletionProtection") is True else "no deletion protection",
    ),
    "AWS::Redshift::Cluster": ("warehouse", _property("KmsKeyId"), _none),
    "AWS::RedshiftServerless::Namespace": ("warehouse", _property("KmsKeyId"), _none),
    "AWS::Timestream::Table": ("table", _none, _none),
    "AWS::S3::Bucket": ("bucket", _bucket_key, _bucket_keeps),
    "AWS::SecretsManager::Secret": ("secret", _property("KmsKeyId", "Secrets Manager's own key"), _none),
    "AWS::SNS::Topic": ("topic", _property("KmsMasterKeyId", "no key"), _none),
    "AWS::SQS::Queue": (
        "queue",
        _queue_key,
        lambda resource, _: duration(resource.get("MessageRetentionPeriod", _DEFAULT_QUEUE_RETENTION)),
    ),
}
"""What keeps data, by type: what a card calls it, what encrypts it, and how long it stays."""
