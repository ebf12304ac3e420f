"""Saved games of signed-in users, on all of their phones."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from cdp_constructs import AuthorizedApi, UserDataLimits, UserDataStore


def build(stack: Stack) -> UserDataStore:
    """Add saved games, and an API whose users sign up and in with a pool of its own, to a stack."""
    operators = sns.Topic(stack, "Operators", enforce_ssl=True)
    operators.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    game = AuthorizedApi(stack, "Game", allowed_origins=[], alarm_topic=operators)
    saves = UserDataStore(
        stack, "Saves", limits=UserDataLimits(largest_kb=256, documents=50, total_mb=5), alarm_topic=operators
    )
    saves.add_routes(game.api, path="/saves")
    return saves
