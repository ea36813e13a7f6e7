"""Runs as they are and as they were: the folds in memory, and what is told of them."""
