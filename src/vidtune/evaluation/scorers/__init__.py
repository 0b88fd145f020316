"""One file per metric: a file put into this folder is a metric. What several share begins with an underscore."""
