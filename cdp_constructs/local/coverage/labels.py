"""How far each resource type is emulated.

A type that is not named here, and is not one of `recorded_types.txt`, is executed as a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cdp_constructs.local.coverage import records

__all__ = ["LABELS", "Label", "Support"]


class Support(StrEnum):
    """How far the embedded cloud emulates a resource type."""

    EXECUTED = "executed"
    """It does what it does on AWS, as far as the conformance suite states."""
    CONTROL_PLANE_ONLY = "control plane only"
    """Its API answers and keeps state, but nothing runs behind it."""
    RECORD_ONLY = "record only"
    """Its properties are kept and its references resolve; no API, no behaviour."""


@dataclass(frozen=True)
class Label:
    """What a resource type lacks.

    Attributes:
        support: How far the type is emulated; *executed* means that only what the reason names is missing.
        reason: What is missing, for the reader of a deployment's result.
    """

    support: Support
    reason: str


_DESCRIBED = "its API describes it, but nothing runs behind it"
_NO_NETWORK = "the network is described, but no packet passes: functions and clients talk over loopback"

_EXECUTED_IN_PART = {
    "kept and described; a search knows fields, filter, sort and limit, and no statistics": "Logs::QueryDefinition",
    "the Data API runs SQL on DuckDB (extra `analytics`), which has no distribution, sort keys, locks or users; COPY "
    "is of Parquet; nothing listens on port 5439": "RedshiftServerless::Namespace RedshiftServerless::Workgroup",
    "`TestDNSAnswer` and `cloud.resolve` answer, health included; no DNS server does, and nothing answers for "
    "geoproximity and IP-based records": "Route53::HostedZone Route53::RecordSet Route53::RecordSetGroup",
    "one checker asks what the embedded cloud serves, alarms and other checks; endpoints elsewhere are not asked and "
    "count as healthy": "Route53::HealthCheck",
    "handlers in JavaScript are stored, not run; functions with DIRECT integration run": "AppSync::ChannelNamespace",
    "`DefaultTTL` and compression have no effect": "CloudFront::CachePolicy",
    "image assets on Python or Node.js, and some public images, run as processes of this machine and on its versions; "
    "tasks with other images of registries are described only, without `--containers docker`; limits of CPU have no "
    "effect; ECS Exec is refused": ("ECS::Service ECS::TaskDefinition"),
    "they decide who connects to tasks, databases and caches, as far as a caller can be told; traffic of other kinds "
    "is not looked at": "EC2::PrefixList EC2::SecurityGroup EC2::SecurityGroupEgress EC2::SecurityGroupIngress",
    "tasks, and functions on Python and Node.js, mount it as a folder of this machine; no NFS server answers": (
        "EFS::FileSystem EFS::MountTarget EFS::AccessPoint"
    ),
    "programs in Python and Node.js find the names in tasks; no DNS server answers for others": (
        "ServiceDiscovery::PrivateDnsNamespace"
    ),
    "aliases of functions are moved, with hooks, alarms and roll-backs; nothing is deployed to ECS services and "
    "instances; triggers send nothing": (
        "CodeDeploy::Application CodeDeploy::DeploymentConfig CodeDeploy::DeploymentGroup"
    ),
    "provisioned concurrency is described only": "Lambda::Alias",
    "only the desired count of ECS services is scaled": (
        "ApplicationAutoScaling::ScalableTarget ApplicationAutoScaling::ScalingPolicy"
    ),
    "PostgreSQL runs (extra `servers`), in one version whatever is asked, with the master user as superuser; other "
    "engines are described only": "RDS::DBCluster RDS::DBInstance",
    "parameters of PostgreSQL act on servers (extra `servers`); formulas over the memory of a class have no effect": (
        "RDS::DBClusterParameterGroup RDS::DBParameterGroup"
    ),
    "a client has a connection to PostgreSQL of its own, without a pool (extra `servers`)": (
        "RDS::DBProxy RDS::DBProxyEndpoint RDS::DBProxyTargetGroup"
    ),
    "users of replication groups of Valkey get in by them (extra `servers`); they do not authenticate with IAM": (
        "ElastiCache::User ElastiCache::UserGroup"
    ),
    "Express runs as Standard does; nothing is throttled; a redriven branch or item begins anew; the role is asked for "
    "functions, DynamoDB, SQS, SNS, EventBridge, executions and objects": "StepFunctions::StateMachine",
    "only the rotation functions of RDS for PostgreSQL are there, as steps of this process": "Serverless::Application",
    "Valkey runs (extra `servers`), in one version whatever is asked; parameter groups have no effect, Memcached is "
    "described only": ("ElastiCache::CacheCluster ElastiCache::ReplicationGroup ElastiCache::ServerlessCache"),
    "targets that are functions, addresses or load balancers are reached over HTTP/1.1, HTTPS, TCP and TLS; instances, "
    "UDP, HTTP/2 and gRPC are not": "ElasticLoadBalancingV2::TargetGroup",
    "it answers on this machine only, over HTTP/1.1, HTTPS, TCP and TLS; security groups, zones, IPv6, mutual TLS and "
    "connection logs have no effect": "ElasticLoadBalancingV2::LoadBalancer ElasticLoadBalancingV2::Listener",
    "authenticate-cognito, authenticate-oidc and jwt-validation are not executed: such requests are answered 501; "
    "transforms and conditions by regular expressions have no effect": "ElasticLoadBalancingV2::ListenerRule",
    "private integrations reach load balancers through it; its API, security groups and TLS of REST APIs are not "
    "there": "ApiGateway::VpcLink ApiGatewayV2::VpcLink",
    "S3 and Iceberg are the only destinations; GZIP is the only compression; Parquet needs the extra `analytics`": (
        "KinesisFirehose::DeliveryStream"
    ),
    "of managed rule groups a few rules match one known pattern each; labels, SQL injection and cross-site scripting "
    "match nothing; CAPTCHA and challenges count": "WAFv2::RuleGroup WAFv2::WebACL",
    "only user pools and stages of REST APIs are protected": "WAFv2::WebACLAssociation",
    "queues, Kinesis and DynamoDB streams are read; functions and state machines enrich; targets are functions, state "
    "machines, queues, topics, event buses, Kinesis and Firehose streams, and log groups": "Pipes::Pipe",
    "people sign in with OpenID Connect, whose id token is checked and whose userinfo is not read; social providers "
    "are described only, and SAML assertions are refused": "Cognito::UserPoolIdentityProvider",
    "tokens of user pools are taken, in the enhanced flow; those of other providers are not checked, and credentials "
    "of the classic flow fill in no policy variables": "Cognito::IdentityPool Cognito::IdentityPoolRoleAttachment",
}

_CONTROL_PLANE_ONLY = {
    _DESCRIBED: (
        "Backup::BackupSelection Budgets::Budget CloudTrail::Trail Config::ConfigRule ECS::CapacityProvider "
        "ECS::ClusterCapacityProviderAssociations Glue::SecurityConfiguration Glue::Workflow "
        "RDS::GlobalCluster RDS::OptionGroup ResourceGroups::Group"
    ),
    "no database server runs behind it": (
        "RDS::DBSubnetGroup DocDB::DBCluster DocDB::DBInstance DocDB::DBSubnetGroup DocDB::DBClusterParameterGroup"
    ),
    "it has no effect on the servers of caches": ("ElastiCache::SubnetGroup ElastiCache::ParameterGroup"),
    "no container runs": "EKS::Cluster EKS::Nodegroup ECR::Repository",
    "no instance is started or stopped": (
        "AutoScaling::AutoScalingGroup AutoScaling::LaunchConfiguration AutoScaling::ScalingPolicy "
        "AutoScaling::LifecycleHook AutoScaling::ScheduledAction EC2::LaunchTemplate"
    ),
    "the instance is described, but no machine runs behind it": "EC2::Instance",
    _NO_NETWORK: (
        "EC2::CustomerGateway EC2::DHCPOptions EC2::EgressOnlyInternetGateway EC2::EIP EC2::EIPAssociation "
        "EC2::InternetGateway EC2::IPAMPool EC2::IPAMPoolCidr EC2::KeyPair EC2::NatGateway EC2::NetworkAcl "
        "EC2::NetworkAclEntry EC2::NetworkInterface EC2::PlacementGroup EC2::Route "
        "EC2::RouteTable EC2::Subnet "
        "EC2::SubnetRouteTableAssociation EC2::Volume EC2::VolumeAttachment EC2::VPC EC2::VPCCidrBlock "
        "EC2::VPCDHCPOptionsAssociation EC2::VPCEndpoint EC2::VPCGatewayAttachment EC2::VPCPeeringConnection "
        "EC2::VPNConnection EC2::VPNGateway"
    ),
    "described in both Regions, and accepted in the other one; gateways and their routes are records, and no packet "
    "passes": "EC2::TransitGatewayPeeringAttachment",
    "there is no traffic to log": "EC2::FlowLog",
    "no search engine runs behind it": "OpenSearchService::Domain",
    "the application is described, but its job does not run": (
        "KinesisAnalyticsV2::Application KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption"
    ),
    "names are registered and found by the API; no DNS server answers for them": "ServiceDiscovery::PublicDnsNamespace",
    "the certificate is issued at once without a check, and no browser trusts it": "CertificateManager::Certificate",
    "the domain name is described, but no DNS server answers for it": (
        "ApiGateway::DomainName ApiGateway::BasePathMapping Cognito::UserPoolDomain IoT::DomainConfiguration"
    ),
    "builds are recorded as succeeded, and not run": "CodeBuild::Project",
    "no recovery point is made of what it names": "Backup::BackupVault Backup::BackupPlan",
    "identities are verified at once; mails are kept to be read and none leaves the machine; what becomes of them, and "
    "what the mailbox simulator answers, is published to EventBridge and SNS": (
        "SES::EmailIdentity SES::ConfigurationSet SES::ConfigurationSetEventDestination"
    ),
    "stored; no mail arrives in the embedded cloud": "SES::ReceiptRule SES::ReceiptRuleSet",
    "jobs run as plain Python without Spark, and crawlers find nothing": (
        "Glue::Job Glue::Crawler Glue::Trigger Glue::Connection"
    ),
}

_RECORD_ONLY = {
    "stored for reading back; it is drawn in the AWS console only": "CloudWatch::Dashboard",
    "it has the address of an endpoint, but no database is there": "Redshift::Cluster",
    "it states to the AWS console which constructs made the template": "CDK::Metadata",
    "its properties are kept and references to it resolve, but no service of the embedded cloud sees it": " ".join(
        resource_type.name.removeprefix("AWS::") for resource_type in records.RESOURCE_TYPES
    ),
}


def _labels() -> Mapping[str, Label]:
    tables = {
        Support.EXECUTED: _EXECUTED_IN_PART,
        Support.CONTROL_PLANE_ONLY: _CONTROL_PLANE_ONLY,
        Support.RECORD_ONLY: _RECORD_ONLY,
    }
    labels: dict[str, Label] = {}
    for support, table in tables.items():
        for reason, kinds in table.items():
            for name in (f"AWS::{kind}" for kind in kinds.split()):
                if name in labels:
                    raise ValueError(f"{name} has two labels: {labels[name].reason}; {reason}")
                labels[name] = Label(support, reason)
    return MappingProxyType(labels)


LABELS: Mapping[str, Label] = _labels()
"""What the types lack that are not executed as a whole, by name."""
