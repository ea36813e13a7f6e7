"""Checkpoints: the bytes that an experiment resumes from, complete or absent, wherever they are kept."""
