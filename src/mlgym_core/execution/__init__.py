"""From a checked configuration to a finished run: preflight, runner, executors, supervision."""
