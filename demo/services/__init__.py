"""A demonstration of the services: orders, and what fails while they are on their way."""
