"""Ways to choose frames, one file each; `media/_sampling.py` lists them."""
