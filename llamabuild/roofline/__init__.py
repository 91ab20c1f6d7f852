"""Bounds that memory bandwidth and arithmetic set for a model on a machine."""
