"""Cloud Map: names of private DNS namespaces lead to the instances that are registered for them."""
