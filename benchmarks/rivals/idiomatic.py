"""As the libraries' documentation teaches: study.optimize, a Trainer a trial, MLFlowLogger."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import MLFlowLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.rivals.jobs import LEARNING_RATE, Job, Tensors, answer, network_of
from pipeline.images import Prepared, Split


class Classifier(pl.LightningModule):
    """A network, its loss and its optimiser."""

    def __init__(self, model: nn.Module, learning_rate: float) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        self.loss_of = nn.CrossEntropyLoss()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch, logged every fifty steps as Lightning does by default."""
        del batch_idx
        images, labels = batch
        loss = self.loss_of(self.model(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """The error of a batch."""
        del batch_idx
        images, labels = batch
        wrong = (self.model(images).argmax(dim=1) != labels).float().mean()
        self.log("validation_error", wrong, on_epoch=True, on_step=False, batch_size=len(labels))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


class Pruning(pl.Callback):
    """Reports every validation to Optuna, and stops where its pruner says so."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report, and prune.

        Raises:
            optuna.TrialPruned: Where the pruner says so.
        """
        del pl_module
        self._trial.report(trainer.callback_metrics["validation_error"].item(), trainer.global_step)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def train(job: Job, prepared: Prepared, folder: Path) -> None:
    """Optimise a study of one trial, tracked in the folder's database."""
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner())
    study.enqueue_trial({"learning_rate": LEARNING_RATE})
    study.optimize(_objective(job, prepared, f"sqlite:///{folder}/mlflow.db"), n_trials=1)


def _objective(job: Job, prepared: Prepared, uri: str) -> Callable[[optuna.Trial], float]:
    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-3, 1.0, log=True)
        logger = MLFlowLogger(experiment_name="rival", tracking_uri=uri)
        logger.log_hyperparams({
            "model": job.model, "batch_size": job.batch_size, "learning_rate": rate,
        })  # fmt: skip
        options: dict[str, Any] = {
            "max_steps": job.steps,
            "max_epochs": -1,
            "val_check_interval": job.every,
            "check_val_every_n_epoch": None,
            "num_sanity_val_steps": 0,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        trainer = pl.Trainer(
            accelerator="cpu", devices=1, logger=logger, callbacks=[Pruning(trial)], **options
        )
        module = Classifier(network_of(job, prepared), rate)
        trainer.fit(
            module,
            _loader(prepared.train, prepared, job.batch_size, shuffle=True),
            _loader(prepared.validation, prepared, 512, shuffle=False),
        )
        return trainer.callback_metrics["validation_error"].item()

    return objective


def _loader(split: Split, prepared: Prepared, batch_size: int, *, shuffle: bool) -> DataLoader[Any]:
    """Without worker processes, which cost more than they bring where data are in memory.

    Batches to train on are whole ones, as batchscope's are.
    """
    tensors = Tensors.of(split, prepared)
    dataset = TensorDataset(tensors.images, tensors.labels)
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle, drop_last=shuffle)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    answer(train)
