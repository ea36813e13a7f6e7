"""A trainer of one's own: the multiclass perceptron, in NumPy."""

import numpy as np
import torch

from mlgym_core import BatchTrainer, Loaders, register


@register("trainer", "perceptron")
class Perceptron(BatchTrainer):
    """Adds each sample that it gets wrong to the weights of its class, and takes it from those of the other.

    Args:
        num_classes: How many classes there are.
    """

    output_scale = "decision"

    def __init__(self, loaders: Loaders, num_classes: int) -> None:
        super().__init__(loaders)
        self.weights = np.zeros((self.loader.sample(1)[0][0].numel(), num_classes))

    def fit_batch(self, inputs, targets):
        rows, classes = inputs.flatten(1).numpy(), np.eye(self.weights.shape[1])
        guesses = (rows @ self.weights).argmax(1)
        self.weights = self.weights + rows.T @ (classes[targets] - classes[guesses])

    def predict(self, inputs):
        return torch.from_numpy(inputs.flatten(1).numpy() @ self.weights)

    def state(self):
        return {"weights": self.weights}

    def load_state(self, state):
        self.weights = state["weights"]
