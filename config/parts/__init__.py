"""The parts of the settings: one class for each section, which ``config/settings.py`` puts together."""
