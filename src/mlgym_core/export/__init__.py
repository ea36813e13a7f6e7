"""A run's log as tables, for programs that know nothing of it."""
