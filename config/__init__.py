"""Floor 0: typed settings, logging and the error tree. Imports nothing of the project."""
