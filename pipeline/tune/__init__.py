"""Tune: batch size and learning rate searched together, by Optuna's samplers and pruners."""
