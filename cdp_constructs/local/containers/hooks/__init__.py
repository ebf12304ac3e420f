"""What the interpreters of containers load before the program: a folder on their search path, copied by `images`."""
