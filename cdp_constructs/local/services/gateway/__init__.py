"""What stands before the services: names for browsers, and who is let in."""
