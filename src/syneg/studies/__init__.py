"""Experiments over arms, data sets and seeds, and what they say."""
