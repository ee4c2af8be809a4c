"""What a printed line means to who reads it: the colours of a terminal, the level of a logger, the frame of a traceback. Pure."""
