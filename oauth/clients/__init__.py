"""Apps: what they may be, how they prove themselves, how they come and how they go."""
