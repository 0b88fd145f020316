"""Ensemble rules: one file each."""
