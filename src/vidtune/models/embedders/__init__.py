"""Embedders with weights, for the selectors of the media room, which finds them by name and never imports them."""
