"""Controls of judges: one file each."""
