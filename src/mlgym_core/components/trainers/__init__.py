"""Trainers: what changes a model."""
