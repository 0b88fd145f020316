"""Back ends of judges: one file each."""
