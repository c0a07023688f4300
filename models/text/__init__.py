"""What the text families share: reading texts, learning from them, and measuring it."""
