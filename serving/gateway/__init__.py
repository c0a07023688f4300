"""The gateway: the one door that products and their backends ask, in front of the family services."""
