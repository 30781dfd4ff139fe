"""A child process that does one kind of work within limits."""
