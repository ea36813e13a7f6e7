"""The peer of grid.py: the same 24 experiments by hand, in a pool of two forked processes that logs and saves nothing.

Written as one would who needs only the final scores: imports and data once before the fork, batches as slices of
tensors on one thread each, one evaluation pass over each split after each epoch.
"""

import itertools
import multiprocessing

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

EPOCHS = 5
BATCH_SIZES = (32, 64)
LEARNING_RATES = (0.1, 0.01, 0.001, 0.0001)
SEEDS = (0, 1, 2)


def load_splits() -> dict[str, tuple[Tensor, Tensor]]:
    """Digits as [n, 64] in 0..1 with their labels: 80 % less 20 % of that for validation, as the grid has them."""
    inputs, targets = load_digits(return_X_y=True)
    inputs, _, targets, _ = train_test_split(inputs / 16, targets, test_size=0.2, random_state=0, stratify=targets)
    train, val, train_targets, val_targets = train_test_split(inputs, targets, test_size=0.3, random_state=0)
    return {
        "train": (torch.tensor(train, dtype=torch.float32), torch.tensor(train_targets)),
        "val": (torch.tensor(val, dtype=torch.float32), torch.tensor(val_targets)),
    }


SPLITS = load_splits()


def evaluate(model: nn.Module, criterion: nn.Module) -> dict[str, float]:
    """Accuracy, macro F1 and cross entropy by split."""
    scores = {}
    model.eval()
    with torch.no_grad():
        for split, (inputs, targets) in SPLITS.items():
            logits = model(inputs)
            labels = logits.argmax(dim=1).numpy()
            scores[f"{split}/cross_entropy"] = float(criterion(logits, targets))
            scores[f"{split}/accuracy"] = float(accuracy_score(targets, labels))
            scores[f"{split}/f1"] = float(f1_score(targets, labels, average="macro"))
    return scores


def train(setting: tuple[int, float, int]) -> dict[str, float]:
    """The last scores of one experiment."""
    batch_size, learning_rate, seed = setting
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    criterion = nn.CrossEntropyLoss()
    inputs, targets = SPLITS["train"]
    scores: dict[str, float] = {}
    for _ in range(EPOCHS):
        model.train()
        order = torch.randperm(len(inputs))
        batches = zip(torch.split(inputs[order], batch_size), torch.split(targets[order], batch_size), strict=True)
        for batch_inputs, batch_targets in batches:
            optimizer.zero_grad()
            criterion(model(batch_inputs), batch_targets).backward()
            optimizer.step()
        scores = evaluate(model, criterion)
    return scores


def main() -> None:
    """Trains the grid and prints how well it went, so that a reader sees that the same work was done."""
    settings = list(itertools.product(BATCH_SIZES, LEARNING_RATES, SEEDS))
    with multiprocessing.get_context("fork").Pool(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        results = pool.map(train, settings, chunksize=1)
    print(f"{len(results)} experiments, best val/accuracy {max(each['val/accuracy'] for each in results):.3f}")


if __name__ == "__main__":
    main()
