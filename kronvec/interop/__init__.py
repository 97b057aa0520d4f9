"""Other packages' arrays and compiled code: each module is imported on demand."""
