"""Trained models at work: an experiment of any past run as it was at a checkpoint, and what it predicts.

It must not know how training goes on, nor any one kind of model.
"""

from mlgym_core.inference.experiment import LoadedExperiment
from mlgym_core.inference.loading import load_components, load_experiment
from mlgym_core.inference.predictions import Predictions

__all__ = ["LoadedExperiment", "Predictions", "load_components", "load_experiment"]
