"""One attempt of an action under a lease: its state, children, output, environment variables and command line."""
