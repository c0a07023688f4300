"""What a text is about: language, tags, sentiment, categories, topics and names, each part by what there is."""

from models.analysis.analyzer import FAMILIES, Analyzer
from models.analysis.by_versions import analyze_by
from models.analysis.compared import digest, kept

__all__ = ["FAMILIES", "Analyzer", "analyze_by", "digest", "kept"]
