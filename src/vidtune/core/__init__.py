"""The floor: errors, registry, durable writes, hashing, locks, run layout. Standard library only."""
