"""What processes use of processors and memory."""
