"""What a text is about: language, tags, sentiment, categories, topics and names, each part by what there is."""

from models.analysis.analyzer import Analyzer

__all__ = ["Analyzer"]
