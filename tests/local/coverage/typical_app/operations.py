"""Releases, monitoring, backups and people."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_codepipeline_actions as pipeline_actions
from aws_cdk import aws_config as config
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as log_destinations
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_servicediscovery as servicediscovery
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_synthetics as synthetics
from aws_cdk import aws_xray as xray

from tests.local.coverage.typical_app.common import HANDLER, function


def releases(stack: Stack) -> None:
    handler = function(stack, "Handler")
    alias = lambda_.Alias(stack, "Live", alias_name="live", version=handler.current_version)
    alias.add_auto_scaling(max_capacity=5, min_capacity=1).scale_on_utilization(utilization_target=0.7)
    alarm = alias.metric_errors().create_alarm(stack, "Errors", threshold=1, evaluation_periods=1)
    codedeploy.LambdaDeploymentGroup(
        stack,
        "Canary",
        alias=alias,
        deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
        alarms=[alarm],
    )
    layer = lambda_.LayerVersion.from_layer_version_arn(
        stack,
        "Tools",
        f"arn:aws:lambda:{stack.region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python313-x86_64:1",
    )
    handler.add_layers(layer)
    bucket = s3.Bucket(stack, "Source", versioned=True, removal_policy=RemovalPolicy.DESTROY, auto_delete_objects=True)
    source, built = codepipeline.Artifact("source"), codepipeline.Artifact("built")
    project = codebuild.PipelineProject(stack, "Build")
    codepipeline.Pipeline(
        stack,
        "Pipeline",
        pipeline_type=codepipeline.PipelineType.V2,
        artifact_bucket=bucket,
        stages=[
            codepipeline.StageProps(
                stage_name="Source",
                actions=[
                    pipeline_actions.S3SourceAction(
                        action_name="Get", bucket=bucket, bucket_key="source.zip", output=source
                    )
                ],
            ),
            codepipeline.StageProps(
                stage_name="Build",
                actions=[
                    pipeline_actions.CodeBuildAction(
                        action_name="Build", project=project, input=source, outputs=[built]
                    )
                ],
            ),
        ],
    )


def operations(stack: Stack) -> None:
    topic = sns.Topic(stack, "Alarms")
    log = logs.LogGroup(stack, "Log", retention=logs.RetentionDays.ONE_WEEK, removal_policy=RemovalPolicy.DESTROY)
    metric = log.add_metric_filter(
        "Errors", filter_pattern=logs.FilterPattern.literal("ERROR"), metric_name="Errors", metric_namespace="specimen"
    ).metric()
    alarm = metric.create_alarm(stack, "Errors", threshold=1, evaluation_periods=1)
    composite = cloudwatch.CompositeAlarm(
        stack, "Any", alarm_rule=cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
    )
    CfnOutput(stack, "CompositeArn", value=composite.alarm_arn)
    cloudwatch.Dashboard(stack, "Dashboard", widgets=[[cloudwatch.GraphWidget(left=[metric])]])
    cloudwatch.AnomalyDetectionAlarm(stack, "Unusual", metric=metric, evaluation_periods=2)
    cloudwatch.CfnInsightRule(stack, "Insight", rule_body="{}", rule_name="specimen", rule_state="ENABLED")
    logs.QueryDefinition(
        stack, "Query", query_definition_name="errors", query_string=logs.QueryString(fields=["@message"])
    )
    log.add_subscription_filter(
        "Subscription",
        destination=log_destinations.LambdaDestination(function(stack, "Shipped")),
        filter_pattern=logs.FilterPattern.all_events(),
    )
    xray.CfnGroup(stack, "Traces", group_name="specimen", filter_expression="fault")
    xray.CfnSamplingRule(stack, "Sampling")
    budgets.CfnBudget(
        stack,
        "Budget",
        budget=budgets.CfnBudget.BudgetDataProperty(
            budget_type="COST",
            time_unit="MONTHLY",
            budget_limit=budgets.CfnBudget.SpendProperty(amount=10, unit="USD"),
        ),
        notifications_with_subscribers=[
            budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN", notification_type="ACTUAL", threshold=80
                ),
                subscribers=[budgets.CfnBudget.SubscriberProperty(address=topic.topic_arn, subscription_type="SNS")],
            )
        ],
    )
    cloudtrail.Trail(stack, "Trail")
    config.ManagedRule(
        stack, "Encrypted", identifier=config.ManagedRuleIdentifiers.S3_BUCKET_SERVER_SIDE_ENCRYPTION_ENABLED
    )
    synthetics.Canary(
        stack,
        "Canary",
        runtime=synthetics.Runtime.SYNTHETICS_PYTHON_SELENIUM_5_1,
        test=synthetics.Test.custom(code=synthetics.Code.from_inline(HANDLER), handler="index.handler"),
    )
    ssm.StringParameter(stack, "Parameter", string_value="value", parameter_name="/specimen/parameter")
    secret = secretsmanager.Secret(stack, "Secret", removal_policy=RemovalPolicy.DESTROY)
    secret.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"],
            principals=[iam.AccountRootPrincipal()],
            resources=["*"],
        )
    )
    servicediscovery.HttpNamespace(stack, "Names", name="specimen")
    ses.EmailIdentity(stack, "Sender", identity=ses.Identity.email("noreply@example.com"))
    ses.CfnTemplate(
        stack,
        "Welcome",
        template=ses.CfnTemplate.TemplateProperty(template_name="specimen", subject_part="Hi", text_part="Hello"),
    )


def people(stack: Stack) -> None:
    group = iam.Group(
        stack, "Group", managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name("ReadOnlyAccess")]
    )
    user = iam.User(stack, "User", groups=[group])
    user.add_to_group(iam.Group(stack, "Second"))
    CfnOutput(stack, "KeyId", value=iam.AccessKey(stack, "AccessKey", user=user).access_key_id)
    provider = iam.OidcProviderNative(
        stack, "GitHub", url="https://token.actions.githubusercontent.com", client_ids=["sts.amazonaws.com"]
    )
    role = iam.Role(stack, "Deploy", assumed_by=iam.WebIdentityPrincipal(provider.oidc_provider_arn))
    role.add_to_policy(iam.PolicyStatement(actions=["s3:ListAllMyBuckets"], resources=["*"]))
    iam.ManagedPolicy(stack, "Managed", statements=[iam.PolicyStatement(actions=["sqs:ListQueues"], resources=["*"])])
