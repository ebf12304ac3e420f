"""How far the types go that MiniStack provides itself, where that is not all the way.

A type that is named neither here nor by another module of the extensions is executed.
"""

from cdp_constructs.local.kit.types import ResourceType, Support

__all__ = ["RESOURCE_TYPES"]

_CONTROL_PLANE_ONLY = {
    "no database server runs behind it": (
        "RDS::DBCluster RDS::DBInstance RDS::DBSubnetGroup RDS::DBParameterGroup RDS::DBClusterParameterGroup "
        "DocDB::DBCluster DocDB::DBInstance DocDB::DBSubnetGroup DocDB::DBClusterParameterGroup"
    ),
    "no cache server runs behind it, unless REDIS_HOST names one": (
        "ElastiCache::CacheCluster ElastiCache::ReplicationGroup ElastiCache::SubnetGroup "
        "ElastiCache::ParameterGroup ElastiCache::User ElastiCache::UserGroup"
    ),
    "no container runs": ("ECS::Cluster ECS::Service ECS::TaskDefinition EKS::Cluster EKS::Nodegroup ECR::Repository"),
    "no instance is started or stopped": (
        "AutoScaling::AutoScalingGroup AutoScaling::LaunchConfiguration AutoScaling::ScalingPolicy "
        "AutoScaling::LifecycleHook AutoScaling::ScheduledAction EC2::LaunchTemplate"
    ),
    "the network is described, but no packet passes: functions and clients talk over loopback": (
        "EC2::VPC EC2::VPCEndpoint EC2::Subnet EC2::SecurityGroup EC2::InternetGateway EC2::VPCGatewayAttachment "
        "EC2::RouteTable EC2::Route EC2::SubnetRouteTableAssociation"
    ),
    "described, but nothing can be stored in it": "EFS::FileSystem EFS::MountTarget EFS::AccessPoint",
    "no search engine runs behind it": "OpenSearchService::Domain",
    "the application is described, but its job does not run": (
        "KinesisAnalyticsV2::Application KinesisAnalyticsV2::ApplicationCloudWatchLoggingOption"
    ),
    "names are registered and found by the API; no DNS server answers for them": (
        "ServiceDiscovery::PrivateDnsNamespace ServiceDiscovery::PublicDnsNamespace"
    ),
    "the certificate is issued at once without a check, and no browser trusts it": ("CertificateManager::Certificate"),
    "the domain name is described, but no DNS server answers for it": (
        "ApiGateway::DomainName ApiGateway::BasePathMapping Cognito::UserPoolDomain IoT::DomainConfiguration"
    ),
    "builds are recorded as succeeded, and not run": "CodeBuild::Project",
    "no recovery point is made of what it names": "Backup::BackupVault Backup::BackupPlan",
    "identities are verified at once; mails are kept to be read and none leaves the machine; what becomes of them, and "
    "what the mailbox simulator answers, is published to EventBridge and SNS": (
        "SES::EmailIdentity SES::ConfigurationSet SES::ConfigurationSetEventDestination"
    ),
    "only DynamoDB streams are read, and only SNS and Step Functions are reached": "Pipes::Pipe",
    "jobs run as plain Python without Spark, and crawlers find nothing": (
        "Glue::Job Glue::Crawler Glue::Trigger Glue::Connection"
    ),
}

_RECORD_ONLY = {
    "request bodies and parameters are not checked": "ApiGateway::RequestValidator",
    "no metric is made from the log": "Logs::MetricFilter",
    "stored for reading back; it is drawn in the AWS console only": "CloudWatch::Dashboard",
    "it states to the AWS console which constructs made the template": "CDK::Metadata",
}

RESOURCE_TYPES: tuple[ResourceType, ...] = tuple(
    ResourceType(name=f"AWS::{kind}", support=support, reason=reason)
    for support, labels in ((Support.CONTROL_PLANE_ONLY, _CONTROL_PLANE_ONLY), (Support.RECORD_ONLY, _RECORD_ONLY))
    for reason, kinds in labels.items()
    for kind in kinds.split()
)
