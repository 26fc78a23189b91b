"""Which settings of a support vector machine read handwritten digits best? One item per setting.

The data are part of the function, so every device gets them once, not with every setting.
"""

import itertools

from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC

from nitocris import DistributedExecution

images, digits = (part[::2] for part in load_digits(return_X_y=True))


def accuracy(c: float, gamma: float) -> float:
    """The share of digits read correctly, on average over three splits."""
    return float(cross_val_score(SVC(C=c, gamma=gamma), images, digits, cv=3).mean())


settings = list(itertools.product([1, 10, 100], [1e-4, 3e-4, 1e-3, 3e-3]))

with DistributedExecution(local_workers=2) as execution:
    accuracies = execution.starmap(accuracy, settings)

ranking = sorted(zip(accuracies, settings, strict=True), reverse=True)
for score, (c, gamma) in ranking[:3]:
    print(f"{score:.2%} with C={c:g}, gamma={gamma:g}")
best, setting = ranking[0]
assert best > 0.95
assert abs(best - accuracy(*setting)) < 1e-9
