"""What operators of a system need beside its patterns: a topic for alarms, dashboards, and checked configuration."""
