"""Training: one loop that fits any task, and what it leaves behind.

The three verbs, and what they return:

    history = fit(model, train, valid, loss=loss, optimizer=optimizer, epochs=10)
    evaluate(model, test, metrics={"accuracy": accuracy})
    outputs = predict(model, images)
"""

from companion.training.checkpoint import load_weights, save_weights
from companion.training.evaluation import evaluate, predict
from companion.training.history import Best, History
from companion.training.loop import fit
from companion.training.step import NonFiniteLossError
from companion.training.stopping import EarlyStopping

__all__ = [
    "Best",
    "EarlyStopping",
    "History",
    "NonFiniteLossError",
    "evaluate",
    "fit",
    "load_weights",
    "predict",
    "save_weights",
]
