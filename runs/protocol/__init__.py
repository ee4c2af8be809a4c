"""What crosses a socket: frames of executors and workers, messages of pages."""
