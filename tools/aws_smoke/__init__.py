"""A rehearsal on a real account: behaviour tests run on AWS and on the embedded cloud, and are compared."""
