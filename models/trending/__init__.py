"""Trending: what is engaged with now, how fast, and whether that rises or falls beyond chance. Pure."""
