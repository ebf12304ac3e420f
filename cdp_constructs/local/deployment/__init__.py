"""Deploys a cloud assembly to the embedded cloud through CloudFormation."""
