"""Folds over the events of a run: pure, without clocks and without I/O."""
