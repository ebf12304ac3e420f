"""ECS: containers of tasks run as processes of this machine, without Docker."""
