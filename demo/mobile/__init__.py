"""A demonstration of the mobile backend: phones that work offline, and what fails behind the front."""
