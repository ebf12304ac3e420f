"""CloudWatch: metrics of the services, alarms, and the clock of both."""
