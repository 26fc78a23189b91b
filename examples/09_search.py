"""A search of scikit-learn's, unchanged: joblib hands its folds to the workers.

Each task is one setting on one fold; only scores come back.
"""

import joblib
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import nitocris.joblib  # noqa: F401  # registers the backend
from nitocris import DistributedExecution

images, digits = (part[::4] for part in load_digits(return_X_y=True))
settings = {"C": [1, 10], "gamma": [3e-4, 1e-3]}

with (
    DistributedExecution(local_workers=2) as execution,
    joblib.parallel_config(backend="nitocris", execution=execution),
):
    search = GridSearchCV(SVC(), settings, cv=3).fit(images, digits)

print(f"{search.best_score_:.2%} with {search.best_params_}")

alone = GridSearchCV(SVC(), settings, cv=3).fit(images, digits)
assert (search.cv_results_["mean_test_score"] == alone.cv_results_["mean_test_score"]).all()
