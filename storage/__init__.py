"""Floor 2: object store, dataset versions, database.

Knows nothing of models, Prefect, MLflow or HTTP services.
"""
