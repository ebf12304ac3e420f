"""A large order waits for a person, who approves or rejects it within three days."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from cdp_constructs import HumanApproval, Workflow


def build(stack: Stack) -> HumanApproval:
    """Add the workflow, and what takes the decision to it, to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    approval = HumanApproval(stack, "Approval", expires_after=Duration.days(3), alarm_topic=operators)
    ask = approval.ask("Approve", question={"order": "{% $states.input.order %}"})
    cancel = sfn.Pass(stack, "Cancel")
    ask.add_catch(cancel, errors=["Rejected", "States.HeartbeatTimeout"], outputs="{% $states.errorOutput %}")
    orders = Workflow(
        stack, "Orders", definition=ask.next(sfn.Pass(stack, "Ship")), timeout=Duration.days(7), alarm_topic=operators
    )
    CfnOutput(stack, "Workflow", value=orders.state_machine.state_machine_arn)
    CfnOutput(stack, "Answer", value=approval.answer_function.function_name)
    return approval
