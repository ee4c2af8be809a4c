"""What a run's page is made of: its rows in memory, their order, filter and HTML."""
