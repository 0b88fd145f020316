"""One file per metric of a whole set: a file put into this folder is one. Shared parts begin with an underscore."""
