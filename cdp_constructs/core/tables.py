"""One way to make a table: on demand, recoverable, protected from deletion, encrypted, items may expire."""

from collections.abc import Mapping, Sequence

from aws_cdk import Annotations, Duration, RemovalPolicy, Token
from constructs import Construct

from cdp_constructs.core.cdk import cloudwatch, dynamodb, kms
from cdp_constructs.core.paths import region_of, stack_of
from cdp_constructs.core.periods import minute
from cdp_constructs.core.validation import InvalidOptionError, check_range

EXPIRY = "expires_at"
_DYNAMODB_QUOTAS = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
# A table has 40,000 by default and more by request; this only finds what was meant otherwise.
_MOST = 1_000_000


def add_table(
    scope: "Construct",
    construct_id: str,
    *,
    removal_policy: RemovalPolicy,
    partition_key: str,
    sort_key: str | None = None,
    indexes: "Sequence[dynamodb.GlobalSecondaryIndexPropsV2]" = (),
    local_indexes: "Mapping[str, str] | None" = None,
    expires: bool = True,
    expiry_attribute: str = EXPIRY,
    encryption_key: "kms.IKey | None" = None,
    replica_regions: "Sequence[str]" = (),
    stream: "dynamodb.StreamViewType | None" = None,
    billing: "dynamodb.Billing | None" = None,
) -> "dynamodb.TableV2":
    """Add a table, on demand and with point-in-time recovery, whose keys are strings.

    Args:
        scope: The pattern that owns the items.
        construct_id: Id of the table inside ``scope``.
        removal_policy: What happens to the table when the stack is deleted; deletion protection unless ``DESTROY``.
        partition_key: Name of the attribute.
        sort_key: Name of the attribute; by default there is none.
        indexes: Global secondary indexes.
        local_indexes: Sort key of each local secondary index, by its name; an index has the keys of items only.
        expires: Whether DynamoDB deletes items after ``expires_at`` (epoch seconds).
        expiry_attribute: Another name of that attribute, where a library decides it.
        encryption_key: A customer-managed key; by default DynamoDB encrypts with a key of its own.
        replica_regions: Other Regions with a replica; by default there is none.
        stream: What the table's stream has of each change; by default there is no stream.
        billing: Provisioned capacity; by default it is on demand.
    """
    table = dynamodb.TableV2(
        scope,
        construct_id,
        partition_key=string_attribute(partition_key),
        sort_key=string_attribute(sort_key) if sort_key is not None else None,
        billing=billing or dynamodb.Billing.on_demand(),
        global_secondary_indexes=list(indexes) or None,
        local_secondary_indexes=[
            dynamodb.LocalSecondaryIndexProps(
                index_name=name, sort_key=string_attribute(key), projection_type=dynamodb.ProjectionType.KEYS_ONLY
            )
            for name, key in (local_indexes or {}).items()
        ]
        or None,
        time_to_live_attribute=expiry_attribute if expires else None,
        dynamo_stream=stream,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        encryption=_encryption(scope, encryption_key) if encryption_key is not None else None,
        deletion_protection=removal_policy is not RemovalPolicy.DESTROY,
        removal_policy=removal_policy,
        replicas=[dynamodb.ReplicaTableProps(region=region) for region in replica_regions] or None,
    )
    if encryption_key is not None and _has_no_region(scope):
        resource: dynamodb.CfnGlobalTable = table.node.default_child  # type: ignore[assignment]  # its only L1
        resource.add_property_override("Replicas.0.SSESpecification.KMSMasterKeyId", encryption_key.key_arn)
    return table


def add_item_table(
    scope: "Construct",
    construct_id: str,
    *,
    removal_policy: RemovalPolicy,
    encryption_key: "kms.IKey | None" = None,
    stream: "dynamodb.StreamViewType | None" = None,
    billing: "dynamodb.Billing | None" = None,
) -> "dynamodb.TableV2":
    """Add a table for items of many kinds, with the keys ``pk`` and ``sk``, that may expire; see ``add_table``."""
    return add_table(
        scope,
        construct_id,
        partition_key="pk",
        sort_key="sk",
        encryption_key=encryption_key,
        stream=stream,
        billing=billing,
        removal_policy=removal_policy,
    )


def check_capacity(path: str, units: Mapping[str, int], *, prefix: str = "") -> None:
    """Check that the numbers of a capacity fit together.

    Args:
        path: Whose option it is.
        units: ``min_writes``, ``max_writes``, ``min_reads`` and ``max_reads``.
        prefix: What stands before these names in the caller's option.

    Raises:
        InvalidOptionError: for a number out of range, or a most below its least.
    """
    for kind in ("writes", "reads"):
        for name, low in ((f"min_{kind}", 1), (f"max_{kind}", units[f"min_{kind}"])):
            option = f"{prefix}{name}"
            check_range(path, option, units[name], low=low, high=_MOST, unit="units", source=_DYNAMODB_QUOTAS)


def check_table(
    construct: "Construct",
    table: "dynamodb.ITable",
    *,
    partition_key: str,
    sort_key: str | None = None,
    indexes: Mapping[str, tuple[str, str | None]] | None = None,
    local_indexes: Mapping[str, str] | None = None,
    expires: bool = True,
    option: str = "table",
) -> None:
    """Refuse an existing table that a pattern cannot work with; of an imported one, warn what it must have.

    Args:
        construct: The pattern.
        table: The table.
        partition_key: Name of the attribute, a string.
        sort_key: Name of the attribute, a string; None for a table without one.
        indexes: Partition key and sort key of each global secondary index, by its name.
        local_indexes: Sort key of each local secondary index, by its name.
        expires: Whether items expire by ``expires_at``.
        option: Name of the pattern's option that it was given as.

    Raises:
        InvalidOptionError: naming what the table has and what it must have.
    """
    wanted: dict[str | None, tuple[str, str | None]] = {None: (partition_key, sort_key)}
    wanted.update(indexes or {})
    must = [f"the {_keys_in_words(wanted[None])}"]
    must += [
        f"the global secondary index {name} with the {_keys_in_words(keys)}" for name, keys in wanted.items() if name
    ]
    must += [f"the local secondary index {name} with the sort key {key}" for name, key in (local_indexes or {}).items()]
    wanted.update({name: (partition_key, key) for name, key in (local_indexes or {}).items()})
    must += [f"time to live by {EXPIRY}"] if expires else []
    must[0] += ", of type string"
    resource = _resource_of(table)
    if resource is None:
        _ask_to_make_sure(construct, table, ", ".join(must))
        return
    stack = stack_of(resource)
    types = _key_types(resource)
    found: dict[str | None, tuple[str, str | None]] = {None: _keys_of(stack.resolve(resource.key_schema))}
    for kind in (resource.global_secondary_indexes, resource.local_secondary_indexes):
        for index in stack.resolve(kind) or ():
            found[index["indexName"]] = _keys_of(index["keySchema"])
    for name, keys in wanted.items():
        has = found.get(name)
        strings = has is not None and all(types.get(key) == "S" for key in has if key is not None)
        if has == keys and strings:
            continue
        place = f"index {name} of " if name else ""
        what = "no such index" if has is None else f"the {_keys_in_words(has)}{'' if strings else ', not all strings'}"
        problem = (
            f"is {table.node.path}: {place}the table has {what}" if name else f"is {table.node.path}: it has {what}"
        )
        raise InvalidOptionError(construct, option, problem, f"Give a table with {', '.join(must)}")
    expiry = stack.resolve(resource.time_to_live_specification) or {}
    if expires and expiry.get("attributeName") != EXPIRY:
        problem = f"is {table.node.path}: its items do not expire by {EXPIRY}"
        raise InvalidOptionError(construct, option, problem, f"Give a table with {', '.join(must)}")


def check_item_key(
    construct: "Construct",
    table: "dynamodb.ITable",
    key: "Mapping[str, str | int]",
    *,
    option: str,
    is_default: bool = False,
) -> str:
    """Refuse a key that is none of the table's primary key; of an imported table, warn what it must have.

    Args:
        construct: The pattern.
        table: The table.
        key: Each attribute with a text for a string, or a number.
        option: Name of the pattern's option that it was given as.
        is_default: Whether the option was left out.

    Returns:
        The name of the partition key: of an imported table, which says nothing of its keys, the first one.

    Raises:
        InvalidOptionError: naming the table's primary key.
    """
    given = {name: "S" if isinstance(value, str) else "N" for name, value in key.items()}
    resource = _resource_of(table)
    if resource is None:
        words = (f"{name} ({_TYPES[kind]})" for name, kind in given.items())
        _ask_to_make_sure(construct, table, f"the primary key {' and '.join(words)}, the partition key first")
        return next(iter(key))
    partition_key, sort_key = _keys_of(stack_of(resource).resolve(resource.key_schema))
    types = _key_types(resource)
    primary = {name: types[name] for name in (partition_key, sort_key) if name is not None}
    if given != primary:
        keys = " and ".join(f"{name} ({_TYPES[kind]})" for name, kind in primary.items())
        has = "missing" if is_default else f"{dict(key)}"
        fix = f"Give { ({name: _EXAMPLES[kind] for name, kind in primary.items() if kind in _EXAMPLES}) }"
        if "B" in primary.values():
            fix = "Use a table whose primary key is of strings and numbers"
        raise InvalidOptionError(
            construct, option, f"is {has}, while the primary key of {table.node.path} is {keys}", fix
        )
    return partition_key


def stream_of(construct: "Construct", table: "dynamodb.ITable") -> str:
    """Return the ARN of a table's stream of new images; of one that does not name it here it is looked up.

    Args:
        construct: The pattern that reads it; a custom resource ``TableStream`` inside it looks it up at deployment.
        table: A table of its Region, such as the replica of a global table.

    Raises:
        InvalidOptionError: for a table of this app without a stream.
    """
    if table.table_stream_arn is not None:
        return table.table_stream_arn
    resource = _resource_of(table)
    if resource is not None and resource.node.scope is table:
        problem = f"is {table.node.path}: it has no stream"
        raise InvalidOptionError(construct, "table", problem, "Give a table with a stream of NEW_IMAGE")
    from cdp_constructs.core.table_streams import look_up_stream

    return look_up_stream(construct, "TableStream", table)


_TYPES = {"S": "string", "N": "number", "B": "binary"}
_EXAMPLES: Mapping[str, str | int] = {"S": "health-check", "N": 0}


def _resource_of(table: "dynamodb.ITable") -> "dynamodb.CfnTable | dynamodb.CfnGlobalTable | None":
    """Return what defines a table, also for a replica of a global table; None where the keys are not known here."""
    # A replica stands in the table that it is one of.
    defined = table.node.scope if isinstance(table.node.scope, dynamodb.TableV2) else table
    resource = defined.node.default_child
    if not isinstance(resource, dynamodb.CfnTable | dynamodb.CfnGlobalTable):
        return None
    # Names that are tokens are not known before the deployment.
    definitions = stack_of(resource).resolve(resource.attribute_definitions)
    return resource if all(isinstance(one["attributeName"], str) for one in definitions) else None


def _key_types(resource: "dynamodb.CfnTable | dynamodb.CfnGlobalTable") -> dict[str, str]:
    definitions = stack_of(resource).resolve(resource.attribute_definitions)
    return {one["attributeName"]: one["attributeType"] for one in definitions}


def _ask_to_make_sure(construct: "Construct", table: "dynamodb.ITable", must: str) -> None:
    Annotations.of(construct).add_warning_v2(
        "cdp-constructs:ImportedTable",
        f"The imported table {table.node.path} is not checked. Make sure that it has {must}.",
    )


def _keys_of(schema: "Sequence[Mapping[str, str]]") -> tuple[str, str | None]:
    by_type = {one["keyType"]: one["attributeName"] for one in schema}
    return by_type["HASH"], by_type.get("RANGE")


def _keys_in_words(keys: tuple[str, str | None]) -> str:
    partition_key, sort_key = keys
    return f"partition key {partition_key} and {f'the sort key {sort_key}' if sort_key else 'no sort key'}"


def string_attribute(name: str) -> "dynamodb.Attribute":
    """Return a key attribute that is a string."""
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def key_of(table: "dynamodb.ITable", encryption_key: "kms.IKey | None") -> "kms.IKey | None":
    """Return the customer-managed key of a table that was made with ``encryption_key``, or that exists already.

    Args:
        table: The table. One that ``add_table`` made for a stack without a Region does not know its key.
        encryption_key: What the table was made with; None for an existing one.
    """
    return table.encryption_key or encryption_key


def metric_throttled_writes(table: "dynamodb.ITable", *, period: "Duration | None" = None) -> "cloudwatch.Metric":
    """Return how many writes to a table DynamoDB refused. Sum per minute by default."""
    from aws_cdk import aws_cloudwatch as cloudwatch

    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name="WriteThrottleEvents",
        dimensions_map={"TableName": table.table_name},
        statistic="sum",
        period=period or minute(),
    )


def leading_keys(*prefixes: str) -> dict[str, dict[str, list[str]]]:
    """Return the condition that binds a statement to partition keys such as ``ROOM#…``."""
    return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{prefix}#*" for prefix in prefixes]}}


def check_partitions(construct: "Construct", option: str, names: "Sequence[str]", *, example: str) -> None:
    """Refuse what does not bind a statement to partition keys such as ``ROOM#…``.

    Args:
        construct: The pattern.
        option: Name of the pattern's option.
        names: What the partition keys begin with, without the ``#``.
        example: A name, for the fix.

    Raises:
        InvalidOptionError: for no names, and one that is empty or has a ``#``, ``*`` or ``?``.
    """
    if isinstance(names, str) or not names:
        raise InvalidOptionError(construct, option, f"is {names!r}", f'Give a list of names, such as ["{example}"]')
    for name in names:
        if not name or any(character in name for character in "#*?"):
            fix = f"Give the part of the partition key before its first #, such as {example}"
            raise InvalidOptionError(construct, option, f"contains {name!r}", fix)


def _encryption(scope: "Construct", encryption_key: "kms.IKey") -> "dynamodb.TableEncryptionV2":
    # TableV2 writes keys by Region and refuses them where the Region is not known: the key is written afterwards there.
    if _has_no_region(scope):
        return dynamodb.TableEncryptionV2.aws_managed_key()
    return dynamodb.TableEncryptionV2.customer_managed_key(encryption_key)


def _has_no_region(scope: "Construct") -> bool:
    return Token.is_unresolved(region_of(stack_of(scope)))
