"""Runs, configurations and checkpoints over HTTP."""
