"""One stage a file, each with a `main` that DVC runs; the only code that knows file paths."""
