"""The jobs, with AWS Solutions Constructs, in an environment of their own."""
