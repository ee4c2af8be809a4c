"""Where things are: the paths of pages, and the addresses of files in the storage."""
