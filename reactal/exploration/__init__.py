"""Where to look next: paths, bands, saddles, descents and dynamics on a potential. Pure numpy; nothing here is random
unless a generator is passed in."""
