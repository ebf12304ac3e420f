"""How far the embedded cloud emulates each resource type of CloudFormation."""
