"""Metrics, slices and significance of a retrieval run."""
