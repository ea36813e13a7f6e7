"""Facts of runs: what may be published, how it is kept, and what is told from it. Imports only `mlgym_core.errors`."""
