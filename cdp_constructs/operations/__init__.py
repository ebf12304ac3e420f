"""What operators of a system need beside its patterns: alarms, dashboards, log queries, and checked configuration."""
