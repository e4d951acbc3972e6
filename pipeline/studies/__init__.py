"""Optuna: samplers that propose what a sweep tries next, and the studies that mirror the ledger.

Importing its modules is cheap: optuna itself is imported when something is proposed or mirrored.
"""
