"""Data: sets, splits and loaders."""
