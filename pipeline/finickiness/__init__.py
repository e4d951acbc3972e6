"""How finicky a network is about batch size and learning rate: F1 to F5, an estimator a file."""
