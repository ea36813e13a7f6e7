"""The configuration: YAML with places, the two dialects, sweeps, settings of a run, the specification of an experiment.

It must not know what components exist.
"""
