"""kronvec in other packages' arrays; each module is imported on demand and needs its extra."""
