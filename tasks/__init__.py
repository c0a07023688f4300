"""Floor 4: Prefect tasks: one side effect each, retried, idempotent."""
