"""Rubrics: one file each."""
