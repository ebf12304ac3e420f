"""AppSync Events."""
