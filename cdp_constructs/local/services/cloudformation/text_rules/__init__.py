"""CloudFormation: names, descriptions and other texts that AWS refuses are refused here, at creation and update."""
