"""Train better retrieval models with hard negatives that a language model writes."""

__version__ = "0.1.0"
