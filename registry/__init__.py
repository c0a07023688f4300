"""Floor 3: MLflow: log, register, gate, promote, roll back, history, load."""
