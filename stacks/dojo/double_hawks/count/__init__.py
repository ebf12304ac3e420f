"""The program of the nightly batch, with its image."""
