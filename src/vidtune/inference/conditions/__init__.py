"""Conditions, one file each: an object ``CONDITION``."""
