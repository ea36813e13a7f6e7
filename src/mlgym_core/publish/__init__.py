"""Carries a run to servers."""
