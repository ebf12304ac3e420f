"""The jobs, written with the CDK alone."""
