"""Numbers: programs, backends, runs, numeric differences and the gradient check."""
