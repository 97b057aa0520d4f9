"""asv classes over the cases of kronvec.bench."""
