"""Floor 5: one BentoML service a family."""
