"""What a sweep tries next, by zooming or Optuna's samplers, and studies that mirror the ledger.

Importing its modules is cheap: optuna itself is imported when something is proposed or mirrored.
"""
