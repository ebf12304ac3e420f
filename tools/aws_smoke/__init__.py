"""A rehearsal on a real account: behaviour tests run on the embedded cloud and on AWS, and are compared."""
