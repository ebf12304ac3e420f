"""Front doors of services: who may call, and how often."""
