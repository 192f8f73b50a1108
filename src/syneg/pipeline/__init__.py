"""Typed configuration, stages, manifest and resume: from a data set to a better model."""
