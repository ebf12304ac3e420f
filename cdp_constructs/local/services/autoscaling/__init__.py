"""Application Auto Scaling: the desired count of Amazon ECS services follows metrics and schedules."""
