"""Experiments as a service: decisions, rewards, statistics, and the changes of an experiment."""
