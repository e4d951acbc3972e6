"""The pipeline of a study: settings, data, training, ledger, analysis and report."""
