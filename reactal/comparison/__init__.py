"""Which way to choose labels pays: strategies on a labelled pool, from the same start, over several seeds."""
