"""kronvec embedded in another package: `python -m kronvec_embedding` checks and times it."""
