"""What could keep a study from running here, or make its numbers differ: a check a function."""
