"""The command line, a command a file; `pipeline.cli` mounts them."""
