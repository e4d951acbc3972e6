"""The verbs of a study, a verb a file: stages and commands both call these."""
