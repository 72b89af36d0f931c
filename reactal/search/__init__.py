"""Which molecule or reaction of a library to compute next, so that the best ones are found with few calculations."""
