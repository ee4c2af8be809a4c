"""Use cases of executors: where they are needed, who serves which run, whether they are alive and free."""
